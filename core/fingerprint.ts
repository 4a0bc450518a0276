import { isStoredData, mapData } from './conversation/stored-data.ts';
import { canonicalJson, isRecord } from './json.ts';

const PRIME = 0x01000193;

/**
 * A short text that differs for values with different contents, nearly always: enough to notice that
 * a key was used for two things. FNV-1a over two halves; the workflow sandbox has no SHA.
 *
 * Stored data counts by its digest: where it lies differs each time when it is encrypted.
 */
export function fingerprint(value: unknown): string {
  let a = 0x811c9dc5;
  let b = 0x050c5d1f;
  const text = canonicalJson(value, byDigest) ?? '';
  // Inputs have megabytes, and the iterator of a text takes three times as long.
  for (let i = 0; i < text.length; i += 1) {
    const code = text.codePointAt(i) as number;
    if (code > 0xffff) i += 1;
    a = Math.imul(a ^ code, PRIME);
    b = Math.imul(b ^ (code + 0x9e37), PRIME);
  }
  return ((a >>> 0) * 0x100000 + (b >>> 12)).toString(36);
}

function byDigest(inner: unknown): unknown {
  const isFile = isRecord(inner) && (inner['type'] === 'image' || inner['type'] === 'document');
  return isFile ? mapData(inner, (data) => (isStoredData(data) ? data.digest : data)) : inner;
}
