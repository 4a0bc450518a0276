import type { Stats } from 'node:fs';
import { mkdir, rmdir, stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import { StorageUnavailableError } from './errors.ts';
import { hasCode, namesIn, statOf, sync } from './file-system.ts';

/** The folders with the objects, named after the beginnings of their keys. */
export const FOLDER_PATTERN = /^[0-9a-f]{2}$/;

// Only the user of the workers may read conversations.
export const FOLDER_MODE = 0o700;

/**
 * The directory of a storage. If its volume is away, its objects are not lost, and nothing may be written in its
 * place: so it remembers the directory that this process has used. Another one has other objects, or none.
 */
export class DirectoryRoot {
  readonly path: string;
  private used: Stats | undefined;

  constructor(path: string) {
    this.path = path;
  }

  /** The objects are in the directory that is there now. */
  async remember(): Promise<void> {
    this.used ??= await statOf(this.path);
  }

  /** Creates the directory if nobody has used it yet. One that was used and is missing will come back. */
  async make(): Promise<void> {
    const problem = this.used === undefined ? undefined : await this.findProblem();
    if (problem !== undefined) throw new StorageUnavailableError(problem);
    await mkdir(this.path, { recursive: true, mode: FOLDER_MODE });
    await sync(dirname(this.path));
  }

  async makeFolder(folder: string): Promise<void> {
    try {
      await mkdir(folder, { mode: FOLDER_MODE });
    } catch (error) {
      if (hasCode(error, 'EEXIST')) return;
      if (!hasCode(error, 'ENOENT')) throw error;
      await this.make();
      return await this.makeFolder(folder);
    }
    if (this.used !== undefined && !isSame(this.used, await stat(this.path))) {
      // Do not leave a folder at the mount point of a missing volume: nobody would find what is in it.
      await rmdir(folder).catch(() => undefined);
      throw new StorageUnavailableError(this.away(ANOTHER));
    }
    await sync(this.path);
  }

  /** What the work on a file or a folder returns; `undefined` if that is gone. Throws if the directory is away. */
  async unlessGone<T>(path: string, work: Promise<T>): Promise<T | undefined> {
    try {
      return await work;
    } catch (error) {
      if (!hasCode(error, 'ENOENT')) throw error;
      const problem = await this.findProblem();
      if (problem === undefined) return undefined;
      throw new StorageUnavailableError(`Cannot read ${path}. ${problem}`, { cause: error });
    }
  }

  /** Throws if the directory is missing, or is not the one that this process has used. */
  async throwIfReplaced(): Promise<void> {
    const problem = await this.findReplaced();
    if (problem !== undefined) throw new StorageUnavailableError(problem);
  }

  /** Why nothing is known about any object now; `undefined` if the directory is there. */
  private async findProblem(): Promise<string | undefined> {
    const replaced = await this.findReplaced();
    if (replaced !== undefined) return replaced;
    // An empty directory is the mount point of a volume that is not mounted: a storage has at least the
    // object of a worker's check.
    const names = await namesIn(this.path);
    return names.some((name) => FOLDER_PATTERN.test(name)) ? undefined : this.away('is empty');
  }

  private async findReplaced(): Promise<string | undefined> {
    const now = await statOf(this.path);
    if (now === undefined) return this.away('is missing');
    return this.used === undefined || isSame(this.used, now) ? undefined : this.away(ANOTHER);
  }

  private away(what: string): string {
    return `The directory ${this.path} ${what}: check that its volume is mounted, and that all workers have the same one`;
  }
}

const ANOTHER = 'was replaced by another one';

function isSame(one: Stats, other: Stats): boolean {
  return one.dev === other.dev && one.ino === other.ino;
}
