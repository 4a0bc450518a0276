import { readdirSync, statSync, watch } from 'node:fs';
import { dirname, join, resolve } from 'node:path';

/** Editors write a file in several steps. */
const SETTLED_MS = 100;
/** Limits what is watched: a module in a home folder must not watch all of it. */
const MOST_FOLDERS = 500;

/**
 * Calls `onChange` with the name of a source file that was changed in the folder of `module` or below.
 * Folders of packages and hidden ones are left out, and so are folders that are made later. Does nothing
 * for a package. Returns a function to stop.
 */
export function watchSources(module: string, onChange: (file: string) => void): () => void {
  const file = resolve(module);
  if (statSync(file, { throwIfNoEntry: false })?.isFile() !== true) return () => undefined;
  let timer: NodeJS.Timeout | undefined;
  const watchers = foldersIn(dirname(file)).map((folder) =>
    watch(folder, (_, name) => {
      if (name === null || !isSource(name)) return;
      clearTimeout(timer);
      timer = setTimeout(() => onChange(name), SETTLED_MS);
    }).on('error', () => undefined),
  );
  return () => {
    clearTimeout(timer);
    for (const watcher of watchers) watcher.close();
  };
}

function isSource(name: string): boolean {
  return /\.[cm]?[jt]sx?$/.test(name);
}

/** Nearest folders first. */
function foldersIn(root: string): string[] {
  const folders = [root];
  for (const folder of folders) {
    for (const entry of readdirSync(folder, { withFileTypes: true })) {
      if (folders.length === MOST_FOLDERS) return folders;
      const isOurs = entry.isDirectory() && !/^(\.|node_modules$)/.test(entry.name);
      if (isOurs) folders.push(join(folder, entry.name));
    }
  }
  return folders;
}
