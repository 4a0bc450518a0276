/** A setting of the storage is wrong, or a package that it needs is missing. */
export class InvalidStorageError extends Error {
  override readonly name = 'InvalidStorageError' as const;
}

/** The storage of a worker cannot be written or read as it starts. */
export class StorageUnavailableError extends Error {
  override readonly name = 'StorageUnavailableError' as const;
}
