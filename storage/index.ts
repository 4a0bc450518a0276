/**
 * The entry point for how data is kept: the storages for what is large, what removes from them what nothing
 * needs, and encryption.
 *
 * @module plait/storage
 */

export { directoryStorage } from './directory.ts';
export { postgresStorage } from './postgres.ts';
export type { PostgresStorageOptions } from './postgres.ts';
export { s3Storage } from './s3.ts';
export type { S3StorageOptions } from './s3.ts';
export { openStorage } from './open-storage.ts';
export type { CollectableStorage, PlaitStorage } from './plait-storage.ts';
export { withStorage } from './data-converter.ts';
export { encryptedBy } from './encryption.ts';

export { liveKeys } from './live-keys.ts';
export { sweep } from './sweep.ts';
export type { SweepReport } from './sweep.ts';

export {
  InvalidStorageError,
  NothingNeededError,
  StorageUnavailableError,
  UnreadableHistoryError,
} from './errors.ts';
