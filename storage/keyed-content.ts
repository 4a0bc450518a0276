import type { StorageDriver } from '@temporalio/common';
import { StorageDriverClaim } from '@temporalio/common';
import type { Content } from './content.ts';
import { contentOf, keyOf, lostObject, payloadOf } from './content.ts';

/** What keeps bytes under keys. */
export interface KeyedContent {
  /** As in "no key of a PostgreSQL storage". */
  kind: string;
  /** Writes contents of different keys. Those that exist already become young for `remove`. */
  put: (contents: Content[], signal: AbortSignal | undefined) => Promise<void>;
  /** What there is under keys that differ. */
  get: (keys: string[], signal: AbortSignal | undefined) => Promise<Map<string, Uint8Array>>;
  /** Where a key would lie, for people. */
  placeOf: (key: string) => string;
}

/** Payloads under the digests of their content: those that are equal are written and read once. */
export function storeByContent({
  kind,
  put,
  get,
  placeOf,
}: KeyedContent): Pick<StorageDriver, 'store' | 'retrieve'> {
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
      const found = await get([...new Set(keys)], abortSignal);
      return keys.map((key) => {
        const bytes = found.get(key);
        if (bytes === undefined) throw lostObject(placeOf(key));
        return payloadOf({ key, bytes });
      });
    },
  };
}
