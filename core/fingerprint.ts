import { isStoredData, mapData } from './conversation/stored-data.ts';
import { canonicalJson, isRecord } from './json.ts';

const PRIME = 0x01000193;

/**
 * Looked up once. Each use of a global in the workflow sandbox calls into Node: for an input of megabytes, that
 * took a second.
 */
const { imul } = Math;

/**
 * A short text that nearly always differs for different contents: enough to notice that a key was used for
 * two things. FNV-1a over two halves; the workflow sandbox has no SHA.
 *
 * Stored data counts by its digest, because an encrypted copy has another place each time.
 */
export function fingerprint(value: unknown): string {
  let a = 0x811c9dc5;
  let b = 0x050c5d1f;
  const text = canonicalJson(value, byDigest) ?? '';
  // An index loop: inputs have megabytes, and the iterator of a text takes three times as long.
  for (let i = 0; i < text.length; i += 1) {
    const code = text.codePointAt(i) as number;
    if (code > 0xffff) i += 1;
    a = imul(a ^ code, PRIME);
    b = imul(b ^ (code + 0x9e37), PRIME);
  }
  return ((a >>> 0) * 0x100000 + (b >>> 12)).toString(36);
}

function byDigest(inner: unknown): unknown {
  const isFile = isRecord(inner) && (inner['type'] === 'image' || inner['type'] === 'document');
  return isFile ? mapData(inner, (data) => (isStoredData(data) ? data.digest : data)) : inner;
}
