import { createHash } from 'node:crypto';
import type { Payload, StorageDriver } from '@temporalio/common';
import { ApplicationFailure, StorageDriverClaim } from '@temporalio/common';
import proto from '@temporalio/proto';
import { STORED_OBJECT_DAMAGED, STORED_OBJECT_LOST } from '../core/failures.ts';

const PayloadMessage = proto.temporal.api.common.v1.Payload;

/** SHA-256 in hex. Any other text in a claim could name something that is not an object of Plait. */
export const KEY_PATTERN = /^[0-9a-f]{64}$/;

/** The bytes of a payload, under their digest. */
export interface Content {
  key: string;
  bytes: Uint8Array;
}

/** What each kind of storage implements: it keeps bytes under keys. */
export interface KeyedContent {
  /** As in "not a key of a PostgreSQL storage". */
  kind: string;
  /** Writes contents of different keys. Writing an existing one again makes it young for `remove`. */
  put: (contents: Content[], signal: AbortSignal | undefined) => Promise<void>;
  /**
   * Reads what is stored under these different keys. Missing ones are left out. Rejects if the storage itself
   * is missing: then nothing is known about any object.
   */
  get: (keys: string[], signal: AbortSignal | undefined) => Promise<Map<string, Uint8Array>>;
  /** The place of a key's object, for people to read. */
  placeOf: (key: string) => string;
}

/** Keeps payloads under the digests of their content: equal ones are written and read only once. */
export function storeByContent({
  kind,
  put,
  get,
  placeOf,
}: KeyedContent): Pick<StorageDriver, 'store' | 'retrieve'> {
  /** Reads damaged content once more: the damage may have happened in transit. */
  async function getWhole(
    keys: string[],
    signal: AbortSignal | undefined,
  ): Promise<Map<string, Uint8Array>> {
    const found = await get(keys, signal);
    const damaged = [...found].flatMap(([key, bytes]) => (digestOf(bytes) === key ? [] : [key]));
    if (damaged.length === 0) return found;
    const again = await get(damaged, signal);
    for (const key of damaged) {
      const bytes = again.get(key);
      if (bytes === undefined || digestOf(bytes) !== key) throw damagedObject(placeOf(key));
      found.set(key, bytes);
    }
    return found;
  }

  return {
    async store({ abortSignal }, payloads) {
      const contents = payloads.map(contentOf);
      await put(
        [...new Map(contents.map((content) => [content.key, content])).values()],
        abortSignal,
      );
      return contents.map(({ key }) => new StorageDriverClaim({ key }));
    },

    async retrieve({ abortSignal }, claims) {
      const keys = claims.map((claim) => keyOf(claim, kind));
      const found = await getWhole([...new Set(keys)], abortSignal);
      return keys.map((key) => {
        const bytes = found.get(key);
        if (bytes === undefined) throw lostObject(placeOf(key));
        return PayloadMessage.decode(bytes);
      });
    },
  };
}

/**
 * Whether an error of a storage driver says that an object is gone for good. The SDK's drivers throw a
 * non-retryable failure for that; any other error may mean that the storage is away, and it may come back.
 */
export function isGone(error: unknown): error is ApplicationFailure {
  return error instanceof ApplicationFailure && error.nonRetryable === true;
}

function contentOf(payload: Payload): Content {
  const bytes = PayloadMessage.encode(payload).finish();
  return { key: digestOf(bytes), bytes };
}

/** Nothing was ever stored under any other claim, so the object counts as lost. */
function keyOf(claim: StorageDriverClaim, kind: string): string {
  const key = claim.claimData['key'] ?? '';
  if (KEY_PATTERN.test(key)) return key;
  const message = `${JSON.stringify(key)} is not a key of a ${kind} storage`;
  throw ApplicationFailure.nonRetryable(message, STORED_OBJECT_LOST);
}

/** Not retryable: minutes of retries would not bring the object back. */
function lostObject(where: string): ApplicationFailure {
  const message = `Nothing is stored at ${where}: it was deleted, or written to another storage`;
  return ApplicationFailure.nonRetryable(message, STORED_OBJECT_LOST);
}

function damagedObject(where: string): ApplicationFailure {
  const message = `The object ${where} is damaged: its content is not what was stored`;
  return ApplicationFailure.nonRetryable(message, STORED_OBJECT_DAMAGED);
}

function digestOf(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}
