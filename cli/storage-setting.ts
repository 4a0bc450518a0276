import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { basename, join } from 'node:path';
import { openStorage } from '../storage/open-storage.ts';
import type { PlaitStorage } from '../storage/plait-storage.ts';
import { defaultCacheDir } from '../testing/temporal-binary.ts';
import { openTransport } from '../transport/open-transport.ts';
import type { PlaitStreamTransport } from '../transport/stream-transport.ts';

/**
 * `plait dev` keeps the long conversations of a directory here, and the other commands look for them here:
 * beside the Temporal CLI, in the user's folder for caches.
 */
export function devStorage(directory: string = process.cwd()): string {
  const digest = createHash('sha256').update(directory).digest('hex').slice(0, 8);
  return join(defaultCacheDir(), 'dev', `${basename(directory)}-${digest}`, 'storage');
}

/** The storage of a worker: the option of the command, or PLAIT_STORAGE. */
export function storageSetting(given: string | undefined): string | undefined {
  return given ?? (process.env['PLAIT_STORAGE'] || undefined);
}

/** The stream transport: the option of the command, or PLAIT_STREAM_TRANSPORT. */
export function configuredTransport(given: string | undefined): PlaitStreamTransport | undefined {
  const setting = given ?? (process.env['PLAIT_STREAM_TRANSPORT'] || undefined);
  return setting === undefined ? undefined : openTransport(setting);
}

/**
 * The storage of a client: that of the workers, or that of `plait dev` in this directory. The client
 * needs it to read what the workers wrote, and to send them large inputs.
 */
export function clientStorage(given: string | undefined): PlaitStorage | undefined {
  const dev = devStorage();
  const setting = storageSetting(given) ?? (existsSync(dev) ? dev : undefined);
  return setting === undefined ? undefined : openStorage(setting);
}
