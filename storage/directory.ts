import { rejectIf, textProblem } from '../core/arguments.ts';
import { InvalidStorageError, StorageUnavailableError } from './errors.ts';
import { randomUUID } from 'node:crypto';
import type { Stats } from 'node:fs';
import {
  chmod,
  mkdir,
  open,
  readdir,
  readFile,
  rename,
  rm,
  rmdir,
  stat,
  unlink,
} from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { isRecord } from '../core/json.ts';
import type { Content } from './content.ts';
import { storeByContent } from './content.ts';
import type { PlaitStorage, StoredObject } from './plait-storage.ts';

/** A key, or a draft of one that a killed process has left. */
const FILE_PATTERN = /^[0-9a-f]{64}(\.[0-9a-f-]{36})?$/;
const FOLDER_PATTERN = /^[0-9a-f]{2}$/;

// Conversations are for the user of the workers alone.
const FOLDER_MODE = 0o700;
const FILE_MODE = 0o600;
/** The permissions of everybody else. */
const OTHERS = 0o077;

/**
 * Keeps payloads as files in a directory, named after their content: for development, and for
 * workers that share a volume. `plait storage gc` deletes files that no workflow needs any more.
 *
 * What it creates is for the user of the process alone, and counts as stored once the disk has it.
 */
export function directoryStorage(directory: string): PlaitStorage {
  rejectIf(InvalidStorageError, textProblem('directoryStorage: the directory', directory, 4_096));
  const root = resolve(directory);
  const folderOf = (key: string) => join(root, key.slice(0, 2));
  const pathOf = (key: string) => join(folderOf(key), key);
  /** The directory that this process has used. Another one in its place has other objects, or none. */
  let used: Stats | undefined;

  const away = (what: string): string =>
    `The directory ${root} ${what}: check that its volume is mounted, and that all workers have the same one`;

  /** What is wrong with the directory where it is not there: then nothing is known about any object. */
  async function findProblem(): Promise<string | undefined> {
    const now = await statOf(root);
    if (now === undefined) return away('is missing');
    if (used !== undefined && !isSame(used, now)) return away('was replaced by another one');
    // The place of a volume that is not mounted. A storage has at least the object of a worker's check.
    const names = await namesIn(root);
    return names.some((name) => FOLDER_PATTERN.test(name)) ? undefined : away('is empty');
  }

  /** Passes where one object or folder is gone. Throws where the directory is away. */
  async function throwIfAway(path: string, cause: unknown): Promise<void> {
    const problem = await findProblem();
    if (problem === undefined) return;
    throw new StorageUnavailableError(`Cannot read ${path}. ${problem}`, { cause });
  }

  /** `undefined` where it is gone. */
  async function unlessGone<T>(path: string, work: Promise<T>): Promise<T | undefined> {
    try {
      return await work;
    } catch (error) {
      if (!hasCode(error, 'ENOENT')) throw error;
      await throwIfAway(path, error);
      return undefined;
    }
  }

  async function remember(): Promise<void> {
    used ??= await statOf(root);
  }

  /** Creates the directory where nobody has used it yet. One that was used and is missing will come back. */
  async function makeRoot(): Promise<void> {
    const problem = used === undefined ? undefined : await findProblem();
    if (problem !== undefined) throw new StorageUnavailableError(problem);
    await mkdir(root, { recursive: true, mode: FOLDER_MODE });
    await sync(dirname(root));
  }

  async function makeFolder(folder: string): Promise<void> {
    try {
      await mkdir(folder, { mode: FOLDER_MODE });
    } catch (error) {
      if (hasCode(error, 'EEXIST')) return;
      if (!hasCode(error, 'ENOENT')) throw error;
      await makeRoot();
      return await makeFolder(folder);
    }
    if (used !== undefined && !isSame(used, await stat(root))) {
      // Not below the place of a volume that is not mounted: nobody would find it there.
      await rmdir(folder).catch(() => undefined);
      throw new StorageUnavailableError(away('was replaced by another one'));
    }
    await sync(root);
  }

  /** An existing file is written again, which makes it young for `remove`. */
  async function write({ key, bytes }: Content, signal: AbortSignal | undefined): Promise<void> {
    // Written beside it and renamed, so that nobody reads half a file.
    const draft = `${pathOf(key)}.${randomUUID()}`;
    signal?.throwIfAborted();
    await makeFolder(folderOf(key));
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
      // A full disk has no room for half a file.
      await rm(draft, { force: true }).catch(() => undefined);
      throw error;
    }
  }

  async function* list(): AsyncGenerator<StoredObject> {
    const now = await statOf(root);
    if (now === undefined) throw new StorageUnavailableError(away('is missing'));
    if (used !== undefined && !isSame(used, now)) {
      throw new StorageUnavailableError(away('was replaced by another one'));
    }
    for (const folder of await readdir(root)) {
      if (!FOLDER_PATTERN.test(folder)) continue;
      const path = join(root, folder);
      for (const name of (await unlessGone(path, readdir(path))) ?? []) {
        if (!FILE_PATTERN.test(name)) continue;
        const file = await unlessGone(pathOf(name), stat(pathOf(name)));
        if (file !== undefined) yield { key: name, bytes: file.size, writtenAt: file.mtime };
      }
    }
  }

  async function removeOne(key: string, writtenBefore: Date): Promise<boolean> {
    if (!FILE_PATTERN.test(key)) return false;
    const path = pathOf(key);
    const file = await unlessGone(path, stat(path));
    if (file === undefined || file.mtime >= writtenBefore) return false;
    const removed = await unlessGone(
      path,
      unlink(path).then(() => true),
    );
    return removed ?? false;
  }

  /** Folders of earlier versions were open to everybody. */
  async function closeFolders(): Promise<void> {
    for (const name of await namesIn(root)) {
      const folder = join(root, name);
      const { uid, mode } = (FOLDER_PATTERN.test(name) && (await statOf(folder))) || {};
      if (mode === undefined || (mode & OTHERS) === 0 || uid !== process.getuid?.()) continue;
      await chmod(folder, FOLDER_MODE);
    }
  }

  return {
    name: 'plait-directory',
    type: 'plait.directory',
    location: root,

    ...storeByContent({
      kind: 'directory',
      placeOf: pathOf,

      async put(contents, signal) {
        if (contents.length === 0) return;
        await inWords(root, async () => {
          const ends = await Promise.allSettled(contents.map((content) => write(content, signal)));
          for (const end of ends) if (end.status === 'rejected') throw end.reason;
          // The names of the files.
          await Promise.all([...new Set(contents.map(({ key }) => folderOf(key)))].map(sync));
          await remember();
        });
      },

      async get(keys, signal) {
        const found = new Map<string, Uint8Array>();
        const read = async (key: string): Promise<void> => {
          const bytes = await unlessGone(pathOf(key), readFile(pathOf(key), { signal }));
          if (bytes !== undefined) found.set(key, bytes);
        };
        return await inWords(root, async () => {
          await Promise.all(keys.map(read));
          if (found.size > 0) await remember();
          return found;
        });
      },
    }),

    async *list() {
      try {
        yield* list();
      } catch (error) {
        throw aboutFile(root, error);
      }
    },
    remove: (keys, writtenBefore) =>
      inWords(root, async () => {
        const removed: string[] = [];
        for (const key of keys) if (await removeOne(key, writtenBefore)) removed.push(key);
        return removed;
      }),
    prepare: () =>
      inWords(root, async () => {
        await makeRoot();
        await closeFolders();
      }),
    close: () => Promise.resolve(),
  };
}

function isSame(one: Stats, other: Stats): boolean {
  return one.dev === other.dev && one.ino === other.ino;
}

/** File systems that cannot do this for a folder keep its names in another way, and Windows opens none. */
const CANNOT_SYNC = ['EINVAL', 'ENOTSUP', 'EPERM', 'EISDIR', 'EBADF', 'EACCES'];

/** Waits until the disk has the names in a folder. */
async function sync(folder: string): Promise<void> {
  try {
    const opened = await open(folder, 'r');
    try {
      await opened.sync();
    } finally {
      await opened.close();
    }
  } catch (error) {
    if (!CANNOT_SYNC.some((code) => hasCode(error, code))) throw error;
  }
}

/** What to do about an error of the file system. */
const REMEDIES: Readonly<Record<string, string>> = {
  ENOENT: 'it is missing: check that its volume is mounted',
  ENOSPC: 'the disk is full: free some space, or run `plait storage gc`',
  EDQUOT: 'the quota of the disk is used up: free some space, or run `plait storage gc`',
  EROFS: 'the volume is read-only: mount it for writing',
  EACCES: 'access is denied: all workers and clients must run as the user that owns its files',
  EPERM: 'access is denied: all workers and clients must run as the user that owns its files',
  EMFILE: 'the process has too many open files: raise its limit (ulimit -n)',
  ENFILE: 'the machine has too many open files: raise its limit',
  EIO: 'the disk reports an error: check it and its volume',
  ENOTDIR: 'a file stands where a folder should be: give another directory, or move the file',
  EEXIST: 'a file stands where a folder should be: give another directory, or move the file',
  ENAMETOOLONG: 'its path is too long: give another directory',
  ...Object.fromEntries(
    ['ENODEV', 'ENOTCONN', 'ESTALE', 'ETIMEDOUT', 'EHOSTDOWN', 'EHOSTUNREACH'].map((code) => [
      code,
      'its volume is away: check that it is mounted and that its server answers',
    ]),
  ),
};

/** An error of the file system in words. Others, like an abort, stay as they are. */
function aboutFile(root: string, error: unknown): unknown {
  if (!(isRecord(error) && typeof error['syscall'] === 'string')) return error;
  const code = String(error['code']);
  const remedy = REMEDIES[code] ?? 'the file system failed: check its volume';
  return new StorageUnavailableError(`The directory ${root} cannot be used: ${remedy} (${code})`, {
    cause: error,
  });
}

async function inWords<T>(root: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    throw aboutFile(root, error);
  }
}

function hasCode(error: unknown, code: string): boolean {
  return isRecord(error) && error['code'] === code;
}

async function namesIn(path: string): Promise<string[]> {
  try {
    return await readdir(path);
  } catch (error) {
    if (hasCode(error, 'ENOENT')) return [];
    throw error;
  }
}

async function statOf(path: string): Promise<Stats | undefined> {
  try {
    return await stat(path);
  } catch (error) {
    if (hasCode(error, 'ENOENT')) return undefined;
    throw error;
  }
}
