// Removes the condition for source files from package.json before it is packed, and restores it afterwards:
// `tsx scripts/packed-manifest.ts remove` and `add`. The package has no source files, so a program that sets
// the condition would find none of its entry points.
import { readFileSync, writeFileSync } from 'node:fs';
import { pathToFileURL } from 'node:url';

const CONDITION = 'plait-source';

type Entry = string | Record<string, string>;

/** The manifest with or without the condition: the entry `./client` has its source in `./client/index.ts`. */
export function withSource(manifest: string, isSource: boolean): string {
  const whole = JSON.parse(manifest) as { exports: Record<string, Entry> };
  const entries = Object.entries(whole.exports).map(([path, entry]): [string, Entry] => {
    if (typeof entry === 'string') return [path, entry];
    const { [CONDITION]: _, ...packed } = entry;
    return [path, isSource ? { [CONDITION]: `${path}/index.ts`, ...packed } : packed];
  });
  return `${JSON.stringify({ ...whole, exports: Object.fromEntries(entries) }, null, 2)}\n`;
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) {
  const file = new URL('../package.json', import.meta.url);
  writeFileSync(file, withSource(readFileSync(file, 'utf8'), process.argv[2] === 'add'));
}
