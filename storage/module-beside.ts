import { fileURLToPath } from 'node:url';

/**
 * The path of a module next to the one with this URL: `.ts` in the repository, `.js` in the package.
 * `undefined` in a program that is bundled into one CommonJS file, where a module has no URL.
 */
export function moduleBeside(url: string | undefined, name: string): string | undefined {
  if (url === undefined || !url.startsWith('file:')) return undefined;
  return fileURLToPath(new URL(`${name}.${url.endsWith('.ts') ? 'ts' : 'js'}`, url));
}
