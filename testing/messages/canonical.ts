import { createHash, type Hash } from 'node:crypto';
import { canonicalJson, isRecord } from '../../core/json.ts';

export type JsonObject = Readonly<Record<string, unknown>>;

/** The message's content as blocks: a string stands for one text block. */
export function blocksOf(content: unknown): readonly unknown[] {
  if (typeof content === 'string') return [{ type: 'text', text: content }];
  return Array.isArray(content) ? content : [];
}

/** A block, a tool or a system prompt as it counts for prefixes: `cache_control` does not count. */
export function canonicalBlock(block: unknown): string {
  if (!isRecord(block)) return canonicalJson(block);
  const known = canonical.get(block);
  if (known !== undefined) return known;
  // Keys are sorted, because a streamed and a plain reply have them in a different order.
  const text = canonicalJson(withoutMarks(block));
  canonical.set(block, text);
  return text;
}

/** Cached, because several rules need the same blocks, and a long conversation has thousands. */
const canonical = new WeakMap<object, string>();

function withoutMarks(block: unknown): unknown {
  if (!isRecord(block)) return block;
  const { cache_control: _, content, ...rest } = block;
  const kept = Object.entries(rest).filter(([, value]) => value !== null);
  const inner =
    content === undefined
      ? {}
      : { content: Array.isArray(content) ? content.map(withoutMarks) : content };
  return { ...Object.fromEntries(kept), ...inner };
}

export function canonicalTools({ tools }: JsonObject): string {
  return Array.isArray(tools) ? tools.map(canonicalBlock).join() : '';
}

/** What comes before the first message: the tools, then the system prompt. */
export function canonicalPreamble(body: JsonObject): string {
  const system = body['system'] === undefined ? [] : blocksOf(body['system']);
  return `tools:${canonicalTools(body)}\nsystem:${system.map(canonicalBlock).join()}\n`;
}

export function sha256(...parts: readonly string[]): Hash {
  const hash = createHash('sha256');
  for (const part of parts) hash.update(part).update('\0');
  return hash;
}

/** The digest of what the hash has read; you may go on updating the hash. */
export function digestSoFar(hash: Hash): string {
  return hash.copy().digest('base64url');
}
