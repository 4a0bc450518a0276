/** A value that survives JSON: what tool inputs, contexts and payloads are made of. */
export type Json = string | number | boolean | null | Json[] | { [key: string]: Json };

export function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** Whether it is what `{}` or `JSON.parse` makes, in this realm or another. */
export function isPlain(value: object): boolean {
  const proto: unknown = Object.getPrototypeOf(value);
  if (proto === Object.prototype || proto === null) return true;
  return (
    typeof proto === 'object' &&
    Object.getPrototypeOf(proto) === null &&
    Object.hasOwn(proto, 'hasOwnProperty') &&
    Object.prototype.toString.call(value) === '[object Object]'
  );
}

/** All members of a union, in this order: `membersOf<Choice>({ yes: true, no: true })`. The compiler asks for what is missing. */
export function membersOf<T extends string>(members: Readonly<Record<T, true>>): readonly T[] {
  return Object.keys(members) as T[];
}

/**
 * Only the fields with a value: `{ ...defined({ reason }) }` has a `reason` only if there is one. An optional
 * property may be absent but not `undefined`, and JSON would drop it anyway.
 */
export function defined<T extends object>(fields: T): Defined<T> {
  const present: Record<string, unknown> = {};
  for (const [name, value] of Object.entries(fields)) {
    if (value !== undefined) present[name] = value;
  }
  return present as Defined<T>;
}

/** For `defined`: the compiler asks for the fields, too, that may be absent. */
export type EveryField<T> = {
  [K in keyof T]-?: object extends Pick<T, K> ? T[K] | undefined : T[K];
};

type Defined<T> = {
  [K in keyof T as undefined extends T[K] ? never : K]: T[K];
} & {
  [K in keyof T as undefined extends T[K] ? K : never]?: Exclude<T[K], undefined>;
};

const encoder = new TextEncoder();

/**
 * Length of a value's JSON in UTF-8, in bytes: its size in a payload. `Buffer` does not exist in the workflow
 * sandbox, and counting by hand is slow there: every workflow has its own copy of this code, which never runs
 * often enough to be compiled.
 */
export function jsonBytes(value: unknown): number {
  return encoder.encode(JSON.stringify(value) ?? '').length;
}

/** JavaScript allows half an emoji in a string; the API rejects the request that contains one. */
export function hasLoneSurrogate(value: unknown): boolean {
  // JSON escapes half a pair, and writes a whole pair as it is.
  return /(?<!\\)(?:\\\\)*\\ud[89a-f]/.test(JSON.stringify(value) ?? '');
}

/**
 * The value with a replacement character for every half pair, in texts and in keys; the same object if there
 * is none.
 */
export function wellFormed<T>(value: T): T {
  if (typeof value === 'string') return value.toWellFormed() as T;
  if (typeof value !== 'object' || value === null) return value;
  if (Array.isArray(value)) {
    const items = value as unknown[];
    const mended = items.map((item) => wellFormed(item));
    return mended.every((item, i) => item === items[i]) ? value : (mended as T);
  }
  const fields = Object.entries(value as Record<string, unknown>);
  const mended = fields.map(([key, inner]) => [key.toWellFormed(), wellFormed(inner)] as const);
  return mended.every(([key, inner], i) => key === fields[i]?.[0] && inner === fields[i][1])
    ? value
    : (Object.fromEntries(mended) as T);
}

/** The place of half an emoji in a value, such as `inputSchema.title`; `undefined` if there is none. */
export function placeOfHalf(value: unknown, path: string): string | undefined {
  if (typeof value === 'string') return value.isWellFormed() ? undefined : path;
  if (typeof value !== 'object' || value === null) return undefined;
  for (const [key, inner] of Object.entries(value)) {
    const at = Array.isArray(value) ? `${path}[${key}]` : path === '' ? key : `${path}.${key}`;
    const place = key.isWellFormed() ? placeOfHalf(inner, at) : at;
    if (place !== undefined) return place;
  }
  return undefined;
}

/** JSON with sorted keys: values with the same content have the same text. `stand` may replace a value within. */
export function canonicalJson(value: unknown, stand = (inner: unknown): unknown => inner): string {
  return JSON.stringify(value, (_key, within: unknown) => {
    const inner = stand(within);
    return isRecord(inner)
      ? Object.fromEntries(Object.entries(inner).toSorted(([a], [b]) => (a < b ? -1 : 1)))
      : inner;
  });
}

/** Cuts a text to `limit` characters, never through a surrogate pair, and marks the cut. */
export function shorten(text: string, limit: number): string {
  return text.length <= limit ? text : `${text.slice(0, limit - 1).toWellFormed()}…`;
}

/** The first words of a text from outside on one line, for a short error. */
export function beginningOf(text: string, limit = 200): string {
  const words = text.slice(0, 2 * limit).replaceAll(/[\s\p{Cc}]+/gu, ' ');
  return shorten(words.trim().toWellFormed(), limit);
}
