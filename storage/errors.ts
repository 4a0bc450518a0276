import { PlaitError } from '../core/errors.ts';

/** A setting of the storage is invalid, or a package that it needs is not installed. */
export class InvalidStorageError extends PlaitError {
  override readonly name = 'InvalidStorageError' as const;
  override readonly code = 'INVALID_STORAGE' as const;
}

/** The storage cannot be written or read: by a worker that starts, or by a client. */
export class StorageUnavailableError extends PlaitError {
  override readonly name = 'StorageUnavailableError' as const;
  override readonly code = 'STORAGE_UNAVAILABLE' as const;
}

/** A sweep would remove everything old, because the storage holds nothing that is needed. */
export class NothingNeededError extends PlaitError {
  override readonly name = 'NothingNeededError' as const;
  override readonly code = 'NOTHING_NEEDED' as const;

  constructor() {
    super(
      'The storage holds nothing that a workflow needs, so everything old in it would be removed. Check that it is the storage of this Temporal server and namespace.',
    );
  }
}
