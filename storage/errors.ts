import { PlaitError } from '../core/errors.ts';

/** A setting of the storage is wrong, or a package that it needs is missing. */
export class InvalidStorageError extends PlaitError {
  override readonly name = 'InvalidStorageError' as const;
  override readonly code = 'INVALID_STORAGE' as const;
}

/** The storage cannot be written or read: by a worker that starts, or by a client. */
export class StorageUnavailableError extends PlaitError {
  override readonly name = 'StorageUnavailableError' as const;
  override readonly code = 'STORAGE_UNAVAILABLE' as const;
}

/** A sweep would remove everything: nothing that it was told of is in the storage. */
export class NothingNeededError extends PlaitError {
  override readonly name = 'NothingNeededError' as const;
  override readonly code = 'NOTHING_NEEDED' as const;

  constructor() {
    super(
      'Nothing of what is needed lies in this storage, and everything old would be removed. Is it the storage of this Temporal server and namespace?',
    );
  }
}
