import { isRecord } from '../json.ts';
import { SEAL_BYTES } from './transcript.ts';

/**
 * Stands in the source of an image or a document in place of its `data`, which lies in the storage. An
 * image of some megabytes would otherwise travel with the start of a turn, with every request for a
 * reply, and with its result. Plait's client puts the data in its place; a plain Temporal client reads
 * this reference, and may give it to another turn or session of the same storage.
 */
export interface StoredData {
  type: 'plait.stored';
  /** SHA-256 of what is stored, in hex: the same for the same data. */
  digest: string;
  /** What the storage driver needs to find it again. */
  claim: Record<string, string>;
  /** Length of the data: of an image that of its base64. */
  bytes: number;
}

/** Data of this length or more is stored, in characters. Shorter data can be sealed with the conversation. */
export const STORED_FROM = SEAL_BYTES;

export function isStoredData(value: unknown): value is StoredData {
  return (
    isRecord(value) &&
    value['type'] === 'plait.stored' &&
    typeof value['digest'] === 'string' &&
    isRecord(value['claim'])
  );
}

/**
 * Messages or blocks with other data in the sources of their images and documents. A value in which
 * nothing changes stays the same object, and keys keep their order.
 */
export function mapData<T>(value: T, change: (data: unknown) => unknown): T {
  if (Array.isArray(value)) {
    const items = value as unknown[];
    const mapped = items.map((item) => mapData(item, change));
    return mapped.every((item, i) => item === items[i]) ? value : (mapped as T);
  }
  if (!isRecord(value)) return value;
  if (isSource(value)) return withField(value, 'data', change(value['data']));
  // Nowhere else: the input of a call may look like a source and is not one.
  return HOLDERS.reduce<T & Record<string, unknown>>(
    (holder, key) =>
      key in holder ? withField(holder, key, mapData(holder[key], change)) : holder,
    value,
  );
}

const HOLDERS = ['content', 'source'] as const;

function isSource({ type, media_type, data }: Record<string, unknown>): boolean {
  return (
    (type === 'base64' || type === 'text') && typeof media_type === 'string' && data !== undefined
  );
}

function withField<T extends Record<string, unknown>>(holder: T, key: string, value: unknown): T {
  return holder[key] === value ? holder : { ...holder, [key]: value };
}

/** The data that is long enough to be stored, each text once. */
export function largeData(value: unknown): string[] {
  return [...allData(value)].filter(
    (data): data is string => typeof data === 'string' && data.length >= STORED_FROM,
  );
}

/** References to data that is stored, one for each digest. */
export function storedData(value: unknown): StoredData[] {
  const found = [...allData(value)].filter(isStoredData);
  return [...new Map(found.map((stored) => [stored.digest, stored])).values()];
}

function allData(value: unknown): Set<unknown> {
  const found = new Set<unknown>();
  mapData(value, (data) => {
    found.add(data);
    return data;
  });
  return found;
}

/** Stores data that is large, and leaves references in its place. */
export async function takeOutData<T>(
  value: T,
  store: (data: string) => Promise<StoredData>,
): Promise<T> {
  const stored = new Map<unknown, StoredData>(
    await Promise.all(largeData(value).map(async (data) => [data, await store(data)] as const)),
  );
  return stored.size === 0 ? value : mapData(value, (data) => stored.get(data) ?? data);
}

/** The same value with the stored data in its place again. */
export async function putBackData<T>(
  value: T,
  read: (stored: StoredData) => Promise<string>,
): Promise<T> {
  const known = new Map(
    await Promise.all(
      storedData(value).map(async (stored) => [stored.digest, await read(stored)] as const),
    ),
  );
  if (known.size === 0) return value;
  return mapData(value, (data) => (isStoredData(data) ? known.get(data.digest) : data));
}
