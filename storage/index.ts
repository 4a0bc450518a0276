// The entry point for where large data lies: the storages, and what removes from them what nothing needs.

export { directoryStorage } from './directory.ts';
export { postgresStorage } from './postgres.ts';
export type { PostgresStorageOptions } from './postgres.ts';
export { s3Storage } from './s3.ts';
export type { S3StorageOptions } from './s3.ts';
export { openStorage } from './open-storage.ts';
export type { CollectableStorage, PlaitStorage } from './plait-storage.ts';
export { withStorage } from './data-converter.ts';

export { liveKeys } from './live-keys.ts';
export { sweep } from './sweep.ts';
export type { SweepReport } from './sweep.ts';

export {
  InvalidStorageError,
  NothingNeededError,
  StorageUnavailableError,
  UnreadableHistoryError,
} from './errors.ts';
