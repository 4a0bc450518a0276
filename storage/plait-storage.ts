import type { StorageDriver } from '@temporalio/common';

/** One object of a storage, from `list`. */
export interface StoredObject {
  key: string;
  /** Size of its content. */
  bytes: number;
  /** When it was last written. Writing it again may count only when an hour has passed. */
  writtenAt: Date;
}

/** A storage from which you can remove objects that no workflow needs any more. */
export interface CollectableStorage extends StorageDriver {
  /** Every object, in no particular order. */
  list(): AsyncIterable<StoredObject>;
  /**
   * Removes those of the objects that were last written before `writtenBefore`: an object that was
   * written again after it was listed stays. Returns the keys of the removed ones.
   */
  remove(keys: readonly string[], writtenBefore: Date): Promise<string[]>;
}

/** A storage that Plait brings. */
export interface PlaitStorage extends CollectableStorage {
  /** Where it is, for people to read: a URL or a path, without a password. */
  readonly location: string;
  /**
   * Creates what it needs, such as its table, and checks what must already exist. Any number of workers
   * may do so at the same time, and again at any time.
   */
  prepare(): Promise<void>;
  /** Closes the connections that it has opened itself. */
  close(): Promise<void>;
}
