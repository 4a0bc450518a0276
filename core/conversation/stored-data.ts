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

/**
 * Whether this is a reference, field for field as Plait writes one. What a model, a tool or a person gives
 * may look like one: it is data, and only in the source of an image or a document could it be taken for
 * more. There the doors for what comes from outside reject it: the client for what people send, the worker
 * for what tools return.
 */
export function isStoredData(value: unknown): value is StoredData {
  return (
    isRecord(value) &&
    Object.keys(value).length === 4 &&
    value['type'] === 'plait.stored' &&
    isDigest(value['digest']) &&
    isClaim(value['claim']) &&
    Number.isSafeInteger(value['bytes'])
  );
}

/** SHA-256 in hex. */
export function isDigest(value: unknown): value is string {
  return typeof value === 'string' && /^[0-9a-f]{64}$/.test(value);
}

/** What a storage driver may return as a claim. */
export function isClaim(value: unknown): value is Record<string, string> {
  return isRecord(value) && Object.values(value).every((part) => typeof part === 'string');
}

/** Deeper than blocks of the API stand in one another, and not so deep that it overflows a stack. */
const MAX_DEPTH = 32;

/**
 * Messages or blocks with other data in the sources of their images and documents. A value in which
 * nothing changes stays the same object, and keys keep their order.
 */
export function mapData<T>(value: T, change: (data: unknown) => unknown): T {
  return mapWithin(value, change, MAX_DEPTH);
}

function mapWithin<T>(value: T, change: (data: unknown) => unknown, depth: number): T {
  if (depth === 0) return value;
  if (Array.isArray(value)) {
    const items = value as unknown[];
    const mapped = items.map((item) => mapWithin(item, change, depth - 1));
    return mapped.every((item, i) => item === items[i]) ? value : (mapped as T);
  }
  if (!isRecord(value)) return value;
  // Nowhere else: the input of a call may look like a source and is not one.
  const holder = withField(value, 'content', mapWithin(value['content'], change, depth - 1));
  const { source } = holder as Record<string, unknown>;
  if (!isFile(holder) || !isRecord(source)) return holder;
  const changed = isSource(source)
    ? withField(source, 'data', change(source['data']))
    : withField(source, 'content', mapWithin(source['content'], change, depth - 1));
  return withField(holder, 'source', changed);
}

function isFile({ type }: Record<string, unknown>): boolean {
  return type === 'image' || type === 'document';
}

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

/**
 * Where a value that comes from outside has something in the source of an image or a document that is not
 * data, in words such as `input[1]`; `undefined` where it has nothing of the kind. `path` is the name of
 * the value.
 */
export function findLookAlike(value: unknown, path: string): string | undefined {
  return lookAlikes(value, path, MAX_DEPTH).next().value;
}

function* lookAlikes(value: unknown, path: string, depth: number): Generator<string, undefined> {
  if (depth === 0) return undefined;
  if (Array.isArray(value)) {
    for (const [i, item] of value.entries()) yield* lookAlikes(item, `${path}[${i}]`, depth - 1);
  } else if (isRecord(value)) {
    const { content, source } = value;
    yield* lookAlikes(content, `${path}.content`, depth - 1);
    if (!isFile(value) || !isRecord(source)) return undefined;
    if (isSource(source) && typeof source['data'] !== 'string') yield path;
    yield* lookAlikes(source['content'], `${path}.source.content`, depth - 1);
  }
  return undefined;
}

/** The same with such things as texts, which are not references wherever the value goes. */
export function withoutLookAlikes<T>(value: T): T {
  return mapData(value, (data) => (typeof data === 'string' ? data : JSON.stringify(data)));
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
