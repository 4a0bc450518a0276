import { rejectIf, textProblem } from '../core/arguments.ts';
import { InvalidStorageError } from './errors.ts';
import { randomUUID } from 'node:crypto';
import type { Stats } from 'node:fs';
import { mkdir, readdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { isRecord } from '../core/json.ts';
import type { Content } from './content.ts';
import { storeByContent } from './content.ts';
import type { PlaitStorage, StoredObject } from './plait-storage.ts';

/** A key, or a draft of one that a killed process has left. */
const FILE_PATTERN = /^[0-9a-f]{64}(\.[0-9a-f-]{36})?$/;

/**
 * Keeps payloads as files in a directory, named after their content: for development, and for
 * workers that share a volume. `plait storage gc` deletes files that no workflow needs any more.
 */
export function directoryStorage(directory: string): PlaitStorage {
  rejectIf(InvalidStorageError, textProblem('directoryStorage: the directory', directory, 4_096));
  const root = resolve(directory);
  const pathOf = (key: string) => join(root, key.slice(0, 2), key);

  /** An existing file is written again, which makes it young for `remove`. */
  async function put({ key, bytes }: Content, signal: AbortSignal | undefined): Promise<void> {
    const path = pathOf(key);
    // Written beside it and renamed, so that nobody reads half a file.
    const draft = `${path}.${randomUUID()}`;
    await mkdir(join(root, key.slice(0, 2)), { recursive: true });
    await writeFile(draft, bytes, { signal });
    await rename(draft, path);
  }

  async function get(key: string, signal: AbortSignal | undefined): Promise<Buffer | undefined> {
    try {
      return await readFile(pathOf(key), { signal });
    } catch (error) {
      if (isMissing(error)) return undefined;
      throw error;
    }
  }

  async function* list(): AsyncGenerator<StoredObject> {
    for (const folder of await namesIn(root)) {
      if (!/^[0-9a-f]{2}$/.test(folder)) continue;
      for (const name of await namesIn(join(root, folder))) {
        const file = FILE_PATTERN.test(name) ? await statOf(pathOf(name)) : undefined;
        if (file !== undefined) yield { key: name, bytes: file.size, writtenAt: file.mtime };
      }
    }
  }

  async function removeOne(key: string, writtenBefore: Date): Promise<boolean> {
    const path = pathOf(key);
    const file = FILE_PATTERN.test(key) ? await statOf(path) : undefined;
    if (file === undefined || file.mtime >= writtenBefore) return false;
    await rm(path);
    return true;
  }

  return {
    name: 'plait-directory',
    type: 'plait.directory',
    location: root,

    ...storeByContent({
      kind: 'directory',
      placeOf: pathOf,

      async put(contents, signal) {
        await Promise.all(contents.map((content) => put(content, signal)));
      },

      async get(keys, signal) {
        const found = new Map<string, Uint8Array>();
        const read = async (key: string): Promise<void> => {
          const bytes = await get(key, signal);
          if (bytes !== undefined) found.set(key, bytes);
        };
        await Promise.all(keys.map(read));
        return found;
      },
    }),

    list,
    async remove(keys, writtenBefore) {
      const removed: string[] = [];
      for (const key of keys) if (await removeOne(key, writtenBefore)) removed.push(key);
      return removed;
    },
    prepare: async () => void (await mkdir(root, { recursive: true })),
    close: () => Promise.resolve(),
  };
}

function isMissing(error: unknown): boolean {
  return isRecord(error) && error['code'] === 'ENOENT';
}

async function namesIn(path: string): Promise<string[]> {
  try {
    return await readdir(path);
  } catch (error) {
    if (isMissing(error)) return [];
    throw error;
  }
}

async function statOf(path: string): Promise<Stats | undefined> {
  try {
    return await stat(path);
  } catch (error) {
    if (isMissing(error)) return undefined;
    throw error;
  }
}
