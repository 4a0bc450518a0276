import { rejectIf, textProblem } from '../core/arguments.ts';
import { InvalidStorageError } from './errors.ts';
import { randomUUID } from 'node:crypto';
import { chmod, open, readdir, readFile, rename, rm, stat, unlink } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import type { Content } from './content.ts';
import { storeByContent } from './content.ts';
import { DirectoryRoot, FOLDER_MODE, FOLDER_PATTERN } from './directory-root.ts';
import { aboutFile, inWords, namesIn, statOf, sync } from './file-system.ts';
import type { PlaitStorage, StoredObject } from './plait-storage.ts';

/** A key, or a draft of one that a killed process has left. */
const FILE_PATTERN = /^[0-9a-f]{64}(\.[0-9a-f-]{36})?$/;

// Like the folders, for the user of the workers only.
const FILE_MODE = 0o600;
/** The permission bits of everybody else. */
const OTHERS = 0o077;

/**
 * Keeps payloads as files in a directory, named after their content: for development, and for
 * workers that share a volume. `plait storage gc` deletes files that no workflow needs any more.
 *
 * What it creates is for the user of the process alone, and counts as stored once the disk has it.
 */
export function directoryStorage(directory: string): PlaitStorage {
  rejectIf(InvalidStorageError, textProblem('directoryStorage: the directory', directory, 4_096));
  const root = new DirectoryRoot(resolve(directory));
  const folderOf = (key: string) => join(root.path, key.slice(0, 2));
  const pathOf = (key: string) => join(folderOf(key), key);

  /** An existing file is written again, which makes it young for `remove`. */
  async function write({ key, bytes }: Content, signal: AbortSignal | undefined): Promise<void> {
    // Written under another name and renamed, so that nobody reads half a file.
    const draft = `${pathOf(key)}.${randomUUID()}`;
    signal?.throwIfAborted();
    await root.makeFolder(folderOf(key));
    try {
      const file = await open(draft, 'wx', FILE_MODE);
      try {
        await file.writeFile(bytes, { signal });
        await file.sync();
      } finally {
        await file.close();
      }
      await rename(draft, pathOf(key));
    } catch (error) {
      // Remove the draft: a full disk has no room for half a file.
      await rm(draft, { force: true }).catch(() => undefined);
      throw error;
    }
  }

  async function* list(): AsyncGenerator<StoredObject> {
    await root.throwIfReplaced();
    for (const folder of await readdir(root.path)) {
      if (!FOLDER_PATTERN.test(folder)) continue;
      const path = join(root.path, folder);
      for (const name of (await root.unlessGone(path, readdir(path))) ?? []) {
        if (!FILE_PATTERN.test(name)) continue;
        const file = await root.unlessGone(pathOf(name), stat(pathOf(name)));
        if (file !== undefined) yield { key: name, bytes: file.size, writtenAt: file.mtime };
      }
    }
  }

  async function removeOne(key: string, writtenBefore: Date): Promise<boolean> {
    if (!FILE_PATTERN.test(key)) return false;
    const path = pathOf(key);
    const file = await root.unlessGone(path, stat(path));
    if (file === undefined || file.mtime >= writtenBefore) return false;
    const removed = await root.unlessGone(
      path,
      unlink(path).then(() => true),
    );
    return removed ?? false;
  }

  /** Folders of earlier versions were open to everybody. */
  async function closeFolders(): Promise<void> {
    for (const name of await namesIn(root.path)) {
      const folder = join(root.path, name);
      const { uid, mode } = (FOLDER_PATTERN.test(name) && (await statOf(folder))) || {};
      if (mode === undefined || (mode & OTHERS) === 0 || uid !== process.getuid?.()) continue;
      await chmod(folder, FOLDER_MODE);
    }
  }

  return {
    name: 'plait-directory',
    type: 'plait.directory',
    location: root.path,

    ...storeByContent({
      kind: 'directory',
      placeOf: pathOf,

      async put(contents, signal) {
        if (contents.length === 0) return;
        await inWords(root.path, async () => {
          const ends = await Promise.allSettled(contents.map((content) => write(content, signal)));
          for (const end of ends) if (end.status === 'rejected') throw end.reason;
          // Also sync the folders, which hold the names of the files.
          await Promise.all([...new Set(contents.map(({ key }) => folderOf(key)))].map(sync));
          await root.remember();
        });
      },

      async get(keys, signal) {
        const found = new Map<string, Uint8Array>();
        const read = async (key: string): Promise<void> => {
          const bytes = await root.unlessGone(pathOf(key), readFile(pathOf(key), { signal }));
          if (bytes !== undefined) found.set(key, bytes);
        };
        return await inWords(root.path, async () => {
          await Promise.all(keys.map(read));
          if (found.size > 0) await root.remember();
          return found;
        });
      },
    }),

    async *list() {
      try {
        yield* list();
      } catch (error) {
        throw aboutFile(root.path, error);
      }
    },
    remove: (keys, writtenBefore) =>
      inWords(root.path, async () => {
        const removed: string[] = [];
        for (const key of keys) if (await removeOne(key, writtenBefore)) removed.push(key);
        return removed;
      }),
    prepare: () =>
      inWords(root.path, async () => {
        await root.make();
        await closeFolders();
      }),
    close: () => Promise.resolve(),
  };
}
