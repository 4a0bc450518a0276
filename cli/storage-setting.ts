import { existsSync } from 'node:fs';
import { openStorage } from '../storage/open-storage.ts';
import type { PlaitStorage } from '../storage/plait-storage.ts';

/** Where `plait dev` keeps long conversations, and the other commands look for them. */
export const DEV_STORAGE = '.plait/storage';

/** The storage of a worker: what the command line says, or PLAIT_STORAGE. */
export function storageSetting(given: string | undefined): string | undefined {
  return given ?? (process.env['PLAIT_STORAGE'] || undefined);
}

/**
 * The storage of a client: that of the workers, or that of `plait dev` here. What the workers have
 * written can be read, and large inputs can reach them.
 */
export function clientStorage(given: string | undefined): PlaitStorage | undefined {
  const setting = storageSetting(given) ?? (existsSync(DEV_STORAGE) ? DEV_STORAGE : undefined);
  return setting === undefined ? undefined : openStorage(setting);
}
