import type { Hash } from 'node:crypto';
import { isRecord } from '../../core/json.ts';
import { canonicalBlock, canonicalPreamble, digestSoFar, sha256 } from './canonical.ts';
import type { JsonObject } from './canonical.ts';
import { isSummary } from './compaction.ts';

/** Every signature that this server issues begins so. One from elsewhere does not, and is accepted. */
const ISSUER = 'plaitSig1';

/**
 * What a signature says about a thinking block that came back: `intact`; `altered`, the block itself has
 * changed; `moved`, something before it has; `foreign`, this server did not issue it.
 */
export type SignatureVerdict = 'intact' | 'altered' | 'moved' | 'foreign';

/**
 * Walks a conversation block by block, and signs or checks its thinking blocks. It needs no state between
 * requests: a signature holds a digest of everything before its block.
 *
 * Thinking blocks are not part of that digest. They are chained by their signatures instead, because the
 * API lets a client drop the first ones, but none from the middle.
 */
export class ThinkingSeals {
  readonly #body: JsonObject;
  #prefix: Hash | undefined;
  /** What the digest has not read yet: most conversations have no thinking, and need none. */
  #unread: { role: string; block: unknown }[] = [];
  #previous = '';

  constructor(body: JsonObject) {
    this.#body = body;
  }

  add(role: string, block: unknown): void {
    if (isSummary(block)) {
      // The model never read what is before the summary.
      this.#prefix = undefined;
      this.#unread = [];
      this.#previous = '';
    }
    const seal = sealOf(block);
    if (seal === undefined) this.#unread.push({ role, block });
    else this.#previous = shortDigest(seal);
  }

  /** The signature for a thinking block at this point (`text` is empty for a redacted one). */
  sign(text: string): string {
    const prefix = this.#digest();
    return [ISSUER, prefix, this.#previous, ownDigest(prefix, this.#previous, text)].join('.');
  }

  /** Checks `signature` for `text` at this point. `bound`: the model binds thinking to its prefix. */
  check(signature: string, text: string, bound: boolean): SignatureVerdict {
    if (!signature.startsWith(ISSUER)) return 'foreign';
    const [, prefix = '', previous = '', own = ''] = signature.split('.');
    if (own !== ownDigest(prefix, previous, text)) return 'altered';
    if (!bound) return 'intact';
    const leadingRunDropped = this.#previous === '';
    if (prefix !== this.#digest()) return 'moved';
    return previous === this.#previous || leadingRunDropped ? 'intact' : 'moved';
  }

  #digest(): string {
    this.#prefix ??= sha256(canonicalPreamble(this.#body));
    for (const { role, block } of this.#unread) {
      this.#prefix.update(`${role}:${canonicalBlock(block)}\n`);
    }
    this.#unread = [];
    return digestSoFar(this.#prefix);
  }
}

/** The signature of a thinking block, or the data of a redacted one. */
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
