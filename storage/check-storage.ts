import type { StorageDriver } from '@temporalio/common';
import { defaultPayloadConverter } from '@temporalio/common';
import { causeChain } from '../core/failures.ts';
import { InvalidStorageError, StorageUnavailableError } from './errors.ts';
import type { PlaitStorage } from './plait-storage.ts';

/** How long all of it may take. */
const CHECK_MS = 30_000;

/** The same for everybody, so that no number of starts leaves more than one object. */
const PROBE = 'plait: this storage can be written and read';

/**
 * Makes what a storage needs, then writes a small object and reads it back. A worker does so when it
 * starts; any driver of the Temporal SDK can be checked.
 *
 * Throws a `StorageUnavailableError` that says what is wrong and what to configure.
 */
export async function checkStorage(storage: StorageDriver): Promise<void> {
  const { location = storage.name, prepare } = storage as Partial<PlaitStorage> & StorageDriver;
  const abortSignal = AbortSignal.timeout(CHECK_MS);
  try {
    await prepare?.();
    const claims = await storage.store({ abortSignal }, [defaultPayloadConverter.toPayload(PROBE)]);
    const [payload] = await storage.retrieve({ abortSignal }, claims);
    const back = payload === undefined ? undefined : defaultPayloadConverter.fromPayload(payload);
    if (back !== PROBE) throw new Error('what was written could not be read back');
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
      return 'The directory must be one that this process may write, shared by all workers of the task queue.';
    case 'plait.postgres':
      return 'Check the URL, PGPASSWORD and the other PG variables, and that the role may write the table, or create it.';
    case 'plait.s3':
      return 'Check the bucket, the region, the endpoint and the credentials (AWS_ACCESS_KEY_ID, AWS_PROFILE), and s3:GetObject, s3:PutObject and s3:ListBucket.';
    default:
      return 'Check the `storage` of the worker.';
  }
}
