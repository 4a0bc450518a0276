import { existsSync } from 'node:fs';
import { openStorage } from '../storage/open-storage.ts';
import type { PlaitStorage } from '../storage/plait-storage.ts';

/** `plait dev` keeps long conversations here, and the other commands look for them here. */
export const DEV_STORAGE = '.plait/storage';

/** The storage of a worker: the option of the command, or PLAIT_STORAGE. */
export function storageSetting(given: string | undefined): string | undefined {
  return given ?? (process.env['PLAIT_STORAGE'] || undefined);
}

/**
 * The storage of a client: that of the workers, or that of `plait dev` in this directory. The client
 * needs it to read what the workers wrote, and to send them large inputs.
 */
export function clientStorage(given: string | undefined): PlaitStorage | undefined {
  const setting = storageSetting(given) ?? (existsSync(DEV_STORAGE) ? DEV_STORAGE : undefined);
  return setting === undefined ? undefined : openStorage(setting);
}
