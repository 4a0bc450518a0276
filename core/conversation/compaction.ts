import type { BetaCompact20260112Edit } from '@anthropic-ai/sdk/resources/beta/messages';
import { defined } from '../json.ts';
import type { Message } from './messages.ts';
import type { Segment } from './transcript.ts';

/** Without this header the API knows neither the edit nor the block. */
export const COMPACTION_BETA = 'compact-2026-01-12';

/** The API accepts no smaller trigger. */
export const MIN_TRIGGER_TOKENS = 50_000;

export interface CompactionOptions {
  triggerTokens?: number | undefined;
  instructions?: string | undefined;
}

/** The fields of a request that let the API compact the conversation. */
export interface CompactionParams {
  betas?: string[];
  context_management?: { edits: [BetaCompact20260112Edit] };
}

export function compactionParams({
  triggerTokens,
  instructions,
}: CompactionOptions): CompactionParams {
  const edit: BetaCompact20260112Edit = {
    type: 'compact_20260112',
    ...(triggerTokens === undefined
      ? {}
      : { trigger: { type: 'input_tokens', value: triggerTokens } }),
    ...defined({ instructions }),
  };
  return { betas: [COMPACTION_BETA], context_management: { edits: [edit] } };
}

/**
 * Whether the message holds a summary. A failed compaction leaves a block without a summary, which replaces
 * nothing.
 */
function isCompacted({ content }: Message): boolean {
  if (typeof content === 'string') return false;
  const blocks: readonly { type: string; content?: unknown }[] = content;
  return blocks.some((block) => block.type === 'compaction' && typeof block.content === 'string');
}

export function hasCompaction(messages: readonly Message[]): boolean {
  return messages.some(isCompacted);
}

/**
 * What the API reads of a conversation: the reply with the last summary, and everything after it. The whole
 * reply is kept, and the results of its calls come after it, so no call loses its result.
 */
export function sinceCompaction(messages: readonly Message[]): Message[] {
  return messages.slice(Math.max(0, messages.findLastIndex(isCompacted)));
}

/** The segments that hold a part of what the API reads. */
export function segmentsSinceCompaction(
  segments: readonly Segment[],
  tail: readonly Message[],
): Segment[] {
  if (hasCompaction(tail)) return [];
  return segments.slice(
    Math.max(
      0,
      segments.findLastIndex(({ compacted }) => compacted),
    ),
  );
}
