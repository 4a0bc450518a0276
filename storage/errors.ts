/** A setting of the storage is invalid, or a package that it needs is not installed. */
export class InvalidStorageError extends Error {
  override readonly name = 'InvalidStorageError' as const;
}

/** A worker cannot write or read its storage when it starts. */
export class StorageUnavailableError extends Error {
  override readonly name = 'StorageUnavailableError' as const;
}

/** A sweep would remove everything old, because the storage holds nothing that is needed. */
export class NothingNeededError extends Error {
  override readonly name = 'NothingNeededError' as const;

  constructor() {
    super(
      'The storage holds nothing that a workflow needs, so everything old in it would be removed. Check that it is the storage of this Temporal server and namespace.',
    );
  }
}
