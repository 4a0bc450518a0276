/** A value that survives JSON: what tool inputs, contexts and payloads are made of. */
export type Json = string | number | boolean | null | Json[] | { [key: string]: Json };

export function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/**
 * Length of the UTF-8 encoding of a value's JSON, in bytes: what it costs in a payload.
 * Counted by hand because `Buffer` does not exist in the workflow sandbox and an encoder
 * would allocate the whole text a second time.
 */
export function jsonBytes(value: unknown): number {
  const text = JSON.stringify(value) ?? '';
  let bytes = text.length;
  for (let i = 0; i < text.length; i++) {
    const unit = text.charCodeAt(i);
    if (unit < 0x80) continue;
    // A surrogate pair is four bytes for two units, so each half counts two.
    bytes += unit < 0x800 || (unit >= 0xd800 && unit <= 0xdfff) ? 1 : 2;
  }
  return bytes;
}

/** Half an emoji is legal in a JavaScript string, and the API refuses the request that holds one. */
export function hasLoneSurrogate(value: unknown): boolean {
  // The JSON escapes half a pair, and writes a whole one as it is.
  return /(?<!\\)(?:\\\\)*\\ud[89a-f]/.test(JSON.stringify(value) ?? '');
}

/** JSON with sorted keys: two values with the same content have the same text. */
export function canonicalJson(value: unknown): string {
  return JSON.stringify(value, (_key, inner: unknown) =>
    isRecord(inner)
      ? Object.fromEntries(Object.entries(inner).toSorted(([a], [b]) => (a < b ? -1 : 1)))
      : inner,
  );
}

/** Cuts a text to `limit` characters, never through a surrogate pair, and says that it did. */
export function shorten(text: string, limit: number): string {
  return text.length <= limit ? text : `${text.slice(0, limit - 1).toWellFormed()}…`;
}
