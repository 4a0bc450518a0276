import { given } from '../core/arguments.ts';
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
  if (
    storage !== undefined &&
    typeof (storage as Partial<StorageDriver> | null)?.store !== 'function'
  ) {
    throw new InvalidStorageError(
      `withStorage: the storage must be a storage, such as openStorage(…) returns; got ${given(storage)}`,
    );
  }
  if (storage === undefined || converter?.externalStorage !== undefined) return converter;
  return { ...converter, externalStorage: new ExternalStorage({ drivers: [storage] }) };
}
