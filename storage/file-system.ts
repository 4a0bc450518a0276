import type { Stats } from 'node:fs';
import { open, readdir, stat } from 'node:fs/promises';
import { isRecord } from '../core/json.ts';
import { StorageUnavailableError } from './errors.ts';

/** Some file systems cannot sync a folder because they keep names in another way, and Windows cannot open one. */
const CANNOT_SYNC = ['EINVAL', 'ENOTSUP', 'EPERM', 'EISDIR', 'EBADF', 'EACCES'];

/** Waits until the names in a folder are on the disk. */
export async function sync(folder: string): Promise<void> {
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

/** What to do about each error of the file system. */
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

/** An error of the file system in words. Others, such as an abort, stay unchanged. */
export function aboutFile(root: string, error: unknown): unknown {
  if (!(isRecord(error) && typeof error['syscall'] === 'string')) return error;
  const code = String(error['code']);
  const remedy = REMEDIES[code] ?? 'the file system failed: check its volume';
  return new StorageUnavailableError(`The directory ${root} cannot be used: ${remedy} (${code})`, {
    cause: error,
  });
}

export async function inWords<T>(root: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    throw aboutFile(root, error);
  }
}

export function hasCode(error: unknown, code: string): boolean {
  return isRecord(error) && error['code'] === code;
}

/** The names in a folder; none if it does not exist. */
export async function namesIn(path: string): Promise<string[]> {
  try {
    return await readdir(path);
  } catch (error) {
    if (hasCode(error, 'ENOENT')) return [];
    throw error;
  }
}

/** `undefined` if nothing exists there. */
export async function statOf(path: string): Promise<Stats | undefined> {
  try {
    return await stat(path);
  } catch (error) {
    if (hasCode(error, 'ENOENT')) return undefined;
    throw error;
  }
}
