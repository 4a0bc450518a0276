/** A setting of the storage is wrong, or a package that it needs is missing. */
export class InvalidStorageError extends Error {
  override readonly name = 'InvalidStorageError' as const;
}

/** The storage of a worker cannot be written or read as it starts. */
export class StorageUnavailableError extends Error {
  override readonly name = 'StorageUnavailableError' as const;
}

/** A sweep would remove everything: nothing that it was told of is in the storage. */
export class NothingNeededError extends Error {
  override readonly name = 'NothingNeededError' as const;

  constructor() {
    super(
      'Nothing of what is needed lies in this storage, and everything old would be removed. Is it the storage of this Temporal server and namespace?',
    );
  }
}
