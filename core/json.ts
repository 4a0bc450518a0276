/** A value that survives JSON: what tool inputs, contexts and payloads are made of. */
export type Json = string | number | boolean | null | Json[] | { [key: string]: Json };

export function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** Of this realm or another: what `{}` and `JSON.parse` make. */
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
 * The fields that have a value: `{ ...defined({ reason }) }` has a `reason` only where there is one. An
 * optional property may be absent and may not be `undefined`, and JSON would drop it anyway.
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
 * Length of the UTF-8 encoding of a value's JSON, in bytes: what it costs in a payload. `Buffer` does
 * not exist in the workflow sandbox; and counting by hand is slow there, since every workflow brings
 * its own copy of this code, which is never run often enough to be compiled.
 */
export function jsonBytes(value: unknown): number {
  return encoder.encode(JSON.stringify(value) ?? '').length;
}

/** Half an emoji is legal in a JavaScript string, and the API refuses the request that holds one. */
export function hasLoneSurrogate(value: unknown): boolean {
  // The JSON escapes half a pair, and writes a whole one as it is.
  return /(?<!\\)(?:\\\\)*\\ud[89a-f]/.test(JSON.stringify(value) ?? '');
}

/**
 * The value with a replacement character in place of every half of a pair, in texts and in keys; the same
 * value where there is none.
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

/** Where half an emoji stands in a value: `inputSchema.title`. `undefined` where there is none. */
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

/**
 * JSON with sorted keys: two values with the same content have the same text. `stand` says what to write
 * for a value within, in place of it.
 */
export function canonicalJson(value: unknown, stand = (inner: unknown): unknown => inner): string {
  return JSON.stringify(value, (_key, within: unknown) => {
    const inner = stand(within);
    return isRecord(inner)
      ? Object.fromEntries(Object.entries(inner).toSorted(([a], [b]) => (a < b ? -1 : 1)))
      : inner;
  });
}

/** Cuts a text to `limit` characters, never through a surrogate pair, and says that it did. */
export function shorten(text: string, limit: number): string {
  return text.length <= limit ? text : `${text.slice(0, limit - 1).toWellFormed()}…`;
}

/** The first words of what came from outside, in one line, for an error that must stay short. */
export function beginningOf(text: string, limit = 200): string {
  const words = text.slice(0, 2 * limit).replaceAll(/[\s\p{Cc}]+/gu, ' ');
  return shorten(words.trim().toWellFormed(), limit);
}
