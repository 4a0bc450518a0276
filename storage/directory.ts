import { randomUUID } from 'node:crypto';
import type { Stats } from 'node:fs';
import { mkdir, readdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import type { Payload, StorageDriverClaim } from '@temporalio/common';
import { StorageDriverClaim as Claim } from '@temporalio/common';
import { isRecord } from '../core/json.ts';
import { contentOf, keyOf, lostObject, payloadOf } from './content.ts';
import type { PlaitStorage, StoredObject } from './plait-storage.ts';

/** A key, or the draft of one that a killed process has left. */
const FILE_PATTERN = /^[0-9a-f]{64}(\.[0-9a-f-]{36})?$/;

/**
 * Keeps payloads as files in a directory, named after their content: for development, and for
 * workers that share a volume. `plait storage gc` deletes what nothing names any more.
 */
export function directoryStorage(directory: string): PlaitStorage {
  const root = resolve(directory);
  const pathOf = (key: string) => join(root, key.slice(0, 2), key);

  async function store(payload: Payload, signal: AbortSignal | undefined) {
    const { key, bytes } = contentOf(payload);
    const path = pathOf(key);
    // Written beside and renamed, so that nobody ever reads half a file. Two writers of one key
    // write the same bytes; that it is written again makes it young for `remove`.
    const draft = `${path}.${randomUUID()}`;
    await mkdir(join(root, key.slice(0, 2)), { recursive: true });
    await writeFile(draft, bytes, { signal });
    await rename(draft, path);
    return new Claim({ key });
  }

  async function retrieve(claim: StorageDriverClaim, signal: AbortSignal | undefined) {
    const key = keyOf(claim, 'directory');
    const path = pathOf(key);
    const bytes = await readFile(path, { signal }).catch((error: unknown) => {
      throw isMissing(error) ? lostObject(path) : error;
    });
    return payloadOf({ key, bytes });
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
    store: ({ abortSignal }, payloads) =>
      Promise.all(payloads.map((payload) => store(payload, abortSignal))),
    retrieve: ({ abortSignal }, claims) =>
      Promise.all(claims.map((claim) => retrieve(claim, abortSignal))),
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
