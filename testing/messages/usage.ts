import type { MessageCreateParams, Usage } from '@anthropic-ai/sdk/resources/messages';
import { isRecord } from '../../core/json.ts';
import { blocksOf, canonicalBlock, digestSoFar, sha256 } from './canonical.ts';
import { sinceSummary } from './compaction.ts';
import type { ServedBlock } from './reply.ts';

/** How many blocks before a breakpoint the API searches for an earlier entry. */
const LOOKBACK_BLOCKS = 20;

type InputUsage = Pick<
  Usage,
  'input_tokens' | 'cache_creation' | 'cache_creation_input_tokens' | 'cache_read_input_tokens'
>;

/** Four characters a token: close enough for budgets, and the same every time. */
export function estimateTokens(text: string): number {
  return Math.ceil(text.length / 4);
}

export function estimateInputTokens(body: Pick<MessageCreateParams, 'messages'>): number {
  return promptBlocks(body).reduce((sum, { text }) => sum + estimateTokens(text), 0);
}

/**
 * A simple model of the prompt cache: an entry is a prefix that ended at a `cache_control` of an earlier
 * request to this server. It has no minimum size and never expires.
 */
export class PromptCache {
  readonly #entries = new Set<string>();

  /** Counts the request's input and writes its entries. */
  measure(body: MessageCreateParams): InputUsage {
    const blocks = promptBlocks(body);
    const last = blocks.at(-1);
    if (body.cache_control != null && last !== undefined) {
      last.ttl = body.cache_control.ttl ?? '5m';
    }
    const marks = blocks.flatMap(({ ttl }, index) => (ttl === undefined ? [] : [index]));
    const hash = sha256(body.model);
    let tokens = 0;
    const prefixes = blocks.map(({ text, ttl }, index) => {
      tokens += estimateTokens(text);
      hash.update(text).update('\n');
      const inReach = marks.some((mark) => index <= mark && index >= mark - LOOKBACK_BLOCKS);
      return { tokens, ttl, digest: inReach ? digestSoFar(hash) : '' };
    });
    const read = Math.max(0, ...marks.map((mark) => this.#readAt(prefixes, mark)));
    const lastMark = prefixes[marks.at(-1) ?? -1];
    for (const mark of marks) this.#entries.add(prefixes[mark]?.digest ?? '');
    const written = (lastMark?.tokens ?? 0) - read;
    const oneHour = lastMark?.ttl === '1h';
    return {
      input_tokens: tokens - read - written,
      cache_read_input_tokens: read,
      cache_creation_input_tokens: written,
      cache_creation: {
        ephemeral_1h_input_tokens: oneHour ? written : 0,
        ephemeral_5m_input_tokens: oneHour ? 0 : written,
      },
    };
  }

  #readAt(prefixes: readonly { tokens: number; digest: string }[], mark: number): number {
    const inReach = prefixes.slice(Math.max(0, mark - LOOKBACK_BLOCKS), mark + 1);
    return inReach.findLast(({ digest }) => this.#entries.has(digest))?.tokens ?? 0;
  }
}

/** Tokens of a reply, with thinking and without summaries, as the API counts them. */
export function outputUsage(
  content: readonly ServedBlock[],
): Pick<Usage, 'output_tokens' | 'output_tokens_details'> {
  const own = content.filter(({ type }) => type !== 'compaction');
  const tokens = own.map((block) => ({
    thinking: block.type === 'thinking',
    count: estimateTokens(block.type === 'text' ? block.text : canonicalBlock(block)),
  }));
  const sum = (counted: typeof tokens) => counted.reduce((total, { count }) => total + count, 0);
  return {
    output_tokens: sum(tokens),
    output_tokens_details: { thinking_tokens: sum(tokens.filter(({ thinking }) => thinking)) },
  };
}

/** Every block of the prompt in the cache's order: tools, system, messages. */
function promptBlocks(body: unknown): { text: string; ttl: string | undefined }[] {
  if (!isRecord(body)) return [];
  const { tools, system, messages } = body;
  const read = blocksOf(messages)
    .filter(isRecord)
    .map(({ content }) => ({ content }));
  const inMessages = sinceSummary(read).flatMap(({ content }) => blocksOf(content));
  return [...blocksOf(tools), ...blocksOf(system), ...inMessages].map((block) => ({
    text: canonicalBlock(block),
    ttl: ttlOf(block),
  }));
}

function ttlOf(block: unknown): string | undefined {
  const mark = isRecord(block) ? block['cache_control'] : undefined;
  if (!isRecord(mark)) return undefined;
  return mark['ttl'] === '1h' ? '1h' : '5m';
}
