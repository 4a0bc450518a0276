import { methodsProblem, rejectIf } from '../core/arguments.ts';
import { causeChain } from '../core/failures.ts';
import { InvalidStorageError } from './errors.ts';
import type { DataConverter, StorageDriver } from '@temporalio/common';
import { ExternalStorage } from '@temporalio/common';
import { encodeReferencePayload } from '@temporalio/common/lib/internal-non-workflow/extstore-helpers.js';

/**
 * The data converter for clients and workers with a storage: payloads above 256 KiB go to the storage
 * instead of history. A converter that already has an external storage is not changed.
 *
 * Throws an `InvalidStorageError` where the installed packages cannot send payloads there.
 */
export function withStorage(
  converter: DataConverter | undefined,
  storage: StorageDriver | undefined,
): DataConverter | undefined {
  rejectIf(InvalidStorageError, storageProblem('withStorage: the storage', storage));
  if (storage === undefined || converter?.externalStorage !== undefined) return converter;
  const problem = referencesProblem();
  if (problem !== undefined) throw new InvalidStorageError(problem);
  return { ...converter, externalStorage: new ExternalStorage({ drivers: [storage] }) };
}

/**
 * Why the SDK cannot write a reference to what it has stored, or `undefined`. Checked at the start: otherwise
 * the workflow task of the first large payload would fail again and again, and its turn would never end.
 */
export function referencesProblem(
  encode: typeof encodeReferencePayload = encodeReferencePayload,
): string | undefined {
  try {
    encode({ driverName: 'plait', claim: { claimData: {} }, sizeBytes: 0 });
    return undefined;
  } catch (error) {
    return `Large payloads cannot go to the storage: the Temporal SDK fails with "${causeChain(error)}". Its packages must share one copy of protobufjs, and this project has several. Run \`npm install protobufjs@8\` in the project (or add it with your package manager), so that all of them find the same.`;
  }
}

/** What is wrong with an option that holds a storage; `undefined` if nothing is. */
export function storageProblem(name: string, storage: unknown): string | undefined {
  if (storage === undefined) return undefined;
  const wanted = 'be a storage, such as openStorage(…) returns';
  return methodsProblem(name, storage, { methods: ['store', 'retrieve'], wanted });
}
