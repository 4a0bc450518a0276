import type { StorageDriver } from '@temporalio/common';
import { defaultPayloadConverter } from '@temporalio/common';
import { causeChain } from '../core/failures.ts';
import { InvalidStorageError, StorageUnavailableError } from './errors.ts';
import type { CollectableStorage, PlaitStorage } from './plait-storage.ts';

/** Limit for the whole check. */
const CHECK_MS = 30_000;

/** One fixed content, so that many checks leave only one object. */
const PROBE = 'plait: this storage can be written and read';

/**
 * Creates what a storage needs, then writes a small object and reads it back. A worker does so when it
 * starts. You can check any driver of the Temporal SDK.
 *
 * Throws a `StorageUnavailableError` that says what is wrong and what to configure.
 */
export async function checkStorage(storage: StorageDriver): Promise<void> {
  const own: Partial<PlaitStorage> & StorageDriver = storage;
  await checked(storage, async (abortSignal) => {
    await own.prepare?.();
    const claims = await storage.store({ abortSignal }, [defaultPayloadConverter.toPayload(PROBE)]);
    const [payload] = await storage.retrieve({ abortSignal }, claims);
    const back = payload === undefined ? undefined : defaultPayloadConverter.fromPayload(payload);
    if (back !== PROBE) throw new Error('it did not return the object that was written');
  });
}

/**
 * Checks that the objects of a storage can be listed. Writes nothing: if a volume is not mounted, its mount
 * point must stay empty.
 *
 * Throws a `StorageUnavailableError` that says what is wrong and what to configure.
 */
export async function checkListing(storage: CollectableStorage): Promise<void> {
  await checked(storage, async () => {
    for await (const _ of storage.list()) return;
  });
}

async function checked(
  storage: StorageDriver,
  check: (abortSignal: AbortSignal) => Promise<void>,
): Promise<void> {
  const { location = storage.name } = storage as Partial<PlaitStorage> & StorageDriver;
  try {
    await check(AbortSignal.timeout(CHECK_MS));
  } catch (error) {
    if (error instanceof InvalidStorageError) throw error;
    const what = causeChain(error).replace(/\.$/, '');
    throw new StorageUnavailableError(
      `The storage ${location} cannot be used: ${what}. ${advice(storage.type)}`,
      { cause: error },
    );
  }
}

function advice(type: string): string {
  switch (type) {
    case 'plait.directory':
      return 'Use a directory that this process may write and that all workers of the task queue share.';
    case 'plait.postgres':
      return 'Check the URL, PGPASSWORD and the other PG variables. The role must be allowed to write the table, or to create it.';
    case 'plait.s3':
      return 'Check the bucket, the region, the endpoint, the credentials (AWS_ACCESS_KEY_ID, AWS_PROFILE), and the permissions s3:GetObject, s3:PutObject and s3:ListBucket.';
    default:
      return 'Check the `storage` of the worker.';
  }
}
