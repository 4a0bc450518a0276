import { methodsProblem, rejectIf } from '../core/arguments.ts';
import { InvalidStorageError } from './errors.ts';
import type { DataConverter, StorageDriver } from '@temporalio/common';
import { ExternalStorage } from '@temporalio/common';

/**
 * The data converter for clients and workers with a storage: payloads above 256 KiB go to the storage
 * instead of history. A converter that already has an external storage is not changed.
 */
export function withStorage(
  converter: DataConverter | undefined,
  storage: StorageDriver | undefined,
): DataConverter | undefined {
  rejectIf(InvalidStorageError, storageProblem('withStorage: the storage', storage));
  if (storage === undefined || converter?.externalStorage !== undefined) return converter;
  return { ...converter, externalStorage: new ExternalStorage({ drivers: [storage] }) };
}

/** What is wrong with an option that holds a storage, or nothing. */
export function storageProblem(name: string, storage: unknown): string | undefined {
  if (storage === undefined) return undefined;
  const wanted = 'be a storage, such as openStorage(…) returns';
  return methodsProblem(name, storage, { methods: ['store', 'retrieve'], wanted });
}
