import { readFileSync } from 'node:fs';

/** The version in the nearest package.json above this file. */
export function version(url: string = import.meta.url): string {
  for (let folder = new URL('.', url); ; folder = new URL('..', folder)) {
    try {
      const text = readFileSync(new URL('package.json', folder), 'utf8');
      return (JSON.parse(text) as { version: string }).version;
    } catch (error) {
      if (folder.pathname === '/') throw error;
    }
  }
}
