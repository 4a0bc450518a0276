import type { StorageDriver } from '@temporalio/common';

/** One object of a storage, as `list` tells of it. */
export interface StoredObject {
  key: string;
  /** Size of its content. */
  bytes: number;
  /** When it was last written; writing it again counts, within an hour. */
  writtenAt: Date;
}

/** A storage from which objects can be removed that nothing names any more. */
export interface CollectableStorage extends StorageDriver {
  /** Every object, in no particular order. */
  list(): AsyncIterable<StoredObject>;
  /**
   * Removes those of the objects that were last written before a moment. One that somebody has
   * written again since it was listed stays. Returns the keys that it has removed.
   */
  remove(keys: readonly string[], writtenBefore: Date): Promise<string[]>;
}

/** A storage of Plait. */
export interface PlaitStorage extends CollectableStorage {
  /** Where it is, for people: a URL or a path, without a password. */
  readonly location: string;
  /**
   * Makes what it needs, such as its table, and checks what must be there already. Any number of
   * workers may do so at once, and again at any time.
   */
  prepare(): Promise<void>;
  /** Closes the connections that it has opened itself. */
  close(): Promise<void>;
}
