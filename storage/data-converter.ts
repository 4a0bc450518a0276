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
  if (storage === undefined || converter?.externalStorage !== undefined) return converter;
  return { ...converter, externalStorage: new ExternalStorage({ drivers: [storage] }) };
}
