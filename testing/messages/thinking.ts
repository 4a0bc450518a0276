import type { Hash } from 'node:crypto';
import { canonicalBlock, canonicalPreamble, digestSoFar, sha256 } from './canonical.ts';
import { isSummary } from './compaction.ts';
import { isRecord } from '../../core/json.ts';
import type { JsonObject } from './canonical.ts';

/** Begins every signature issued here, so that a signature from elsewhere is told apart and accepted. */
const ISSUER = 'plaitSig1';

/**
 * What a signature says about a thinking block that came back: `intact`; `altered`, when the block
 * itself changed; `moved`, when something before it did; `foreign`, when it was not issued here.
 */
export type SignatureVerdict = 'intact' | 'altered' | 'moved' | 'foreign';

/**
 * Walks a conversation block by block and signs or checks thinking blocks on the way, with no state
 * between requests: a signature holds a digest of everything before its block.
 *
 * Thinking blocks are left out of that digest and chained by their signatures instead, because the
 * API lets a client drop a leading run of them, but none from the middle.
 */
export class ThinkingSeals {
  readonly #preamble: string;
  #prefix: Hash;
  #previous = '';

  constructor(body: JsonObject) {
    this.#preamble = canonicalPreamble(body);
    this.#prefix = sha256(this.#preamble);
  }

  add(role: string, block: unknown): void {
    if (isSummary(block)) {
      // What comes behind a summary was thought without what the summary has replaced.
      this.#prefix = sha256(this.#preamble);
      this.#previous = '';
    }
    const seal = sealOf(block);
    if (seal === undefined) this.#prefix.update(`${role}:${canonicalBlock(block)}\n`);
    else this.#previous = shortDigest(seal);
  }

  /** The signature for a thinking block at this point (`text` is empty for a redacted one). */
  sign(text: string): string {
    const prefix = digestSoFar(this.#prefix);
    return [ISSUER, prefix, this.#previous, ownDigest(prefix, this.#previous, text)].join('.');
  }

  /** Whether `signature` fits `text` here. `bound` is whether the model binds thinking to its prefix. */
  check(signature: string, text: string, bound: boolean): SignatureVerdict {
    if (!signature.startsWith(ISSUER)) return 'foreign';
    const [, prefix = '', previous = '', own = ''] = signature.split('.');
    if (own !== ownDigest(prefix, previous, text)) return 'altered';
    if (!bound) return 'intact';
    const leadingRunDropped = this.#previous === '';
    if (prefix !== digestSoFar(this.#prefix)) return 'moved';
    return previous === this.#previous || leadingRunDropped ? 'intact' : 'moved';
  }
}

/** The signature of a thinking block or the data of a redacted one; nothing for other blocks. */
function sealOf(block: unknown): string | undefined {
  if (!isRecord(block)) return undefined;
  if (block['type'] === 'thinking') return String(block['signature']);
  if (block['type'] === 'redacted_thinking') return String(block['data']);
  return undefined;
}

function ownDigest(prefix: string, previous: string, text: string): string {
  return sha256('thinking', prefix, previous, text).digest('base64url');
}

function shortDigest(text: string): string {
  return sha256(text).digest('base64url').slice(0, 16);
}
