import { createHash, type Hash } from 'node:crypto';

export type JsonObject = Readonly<Record<string, unknown>>;

export function isObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** The message's content as blocks: a string stands for one text block. */
export function blocksOf(content: unknown): readonly unknown[] {
  if (typeof content === 'string') return [{ type: 'text', text: content }];
  return Array.isArray(content) ? content : [];
}

/** JSON with sorted keys: a streamed and a plain reply carry their keys in another order. */
export function canonicalJson(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(canonicalJson).join(',')}]`;
  if (!isObject(value)) return JSON.stringify(value) ?? 'null';
  const entries = Object.entries(value)
    .filter(([, entry]) => entry !== undefined)
    .toSorted(([a], [b]) => (a < b ? -1 : 1))
    .map(([key, entry]) => `${JSON.stringify(key)}:${canonicalJson(entry)}`);
  return `{${entries.join(',')}}`;
}

/** A block, a tool or a system prompt as it counts for prefixes: a moved `cache_control` is no change. */
export function canonicalBlock(block: unknown): string {
  return canonicalJson(withoutMarks(block));
}

function withoutMarks(block: unknown): unknown {
  if (!isObject(block)) return block;
  const { cache_control: _, content, ...rest } = block;
  const kept = Object.entries(rest).filter(([, value]) => value !== null);
  const inner =
    content === undefined
      ? {}
      : { content: Array.isArray(content) ? content.map(withoutMarks) : content };
  return { ...Object.fromEntries(kept), ...inner };
}

/** What stands before the first message: the tools, then the system prompt. */
export function canonicalPreamble(body: JsonObject): string {
  const tools = Array.isArray(body['tools']) ? body['tools'] : [];
  const system = body['system'] === undefined ? [] : blocksOf(body['system']);
  return `tools:${tools.map(canonicalBlock).join()}\nsystem:${system.map(canonicalBlock).join()}\n`;
}

export function sha256(...parts: readonly string[]): Hash {
  const hash = createHash('sha256');
  for (const part of parts) hash.update(part).update('\0');
  return hash;
}

/** A digest of a growing text that can be read at any point without ending it. */
export function digestSoFar(hash: Hash): string {
  return hash.copy().digest('base64url');
}
