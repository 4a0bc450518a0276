import { existsSync } from 'node:fs';
import type { StorageDriver } from '@temporalio/common';
import { directoryStorage } from '../storage/directory.ts';

/** Where `plait dev` keeps long conversations, and the other commands look for them. */
export const DEV_STORAGE = '.plait/storage';

/**
 * The storage in a directory, or that of `plait dev` here: what it has written can be read, and large
 * inputs can reach it.
 */
export function clientStorage(given: string | undefined): StorageDriver | undefined {
  const directory = given ?? (existsSync(DEV_STORAGE) ? DEV_STORAGE : undefined);
  return directory === undefined ? undefined : directoryStorage(directory);
}
