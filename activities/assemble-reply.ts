import type {
  BetaCompactionContentBlockDelta,
  BetaIterationsUsage,
} from '@anthropic-ai/sdk/resources/beta/messages';
import type {
  RawContentBlockDelta,
  RawMessageStreamEvent,
} from '@anthropic-ai/sdk/resources/messages';
import type { ReplyBlock } from '../core/messages.ts';
import type { ModelReply } from '../core/reply.ts';
import type { CacheCreation, Usage } from '../core/usage.ts';
import { addUsage, NO_USAGE } from '../core/usage.ts';

/** The stream did not bring one whole reply, so nothing of it may be kept. Another attempt may. */
export class TornReplyError extends Error {
  override readonly name = 'TornReplyError' as const;
}

/** An event of a reply's stream, those of the compaction's beta included. */
export type ReplyEvent =
  | Exclude<RawMessageStreamEvent, { type: 'content_block_start' | 'content_block_delta' }>
  | { type: 'content_block_start'; index: number; content_block: ReplyBlock }
  | { type: 'content_block_delta'; index: number; delta: Delta };

type Delta = RawContentBlockDelta | BetaCompactionContentBlockDelta;

/** Collects the events of one reply. */
export interface ReplyAssembly {
  add(event: ReplyEvent): void;
  /** The whole reply; throws a `TornReplyError` when there is none. */
  finish(requestId: string | null): ModelReply;
}

/** Without a split of the tokens that were cached: the API may not tell it. */
const UNKNOWN_USAGE: Usage = {
  input_tokens: 0,
  output_tokens: 0,
  cache_creation_input_tokens: 0,
  cache_read_input_tokens: 0,
};

// The blocks are built in place, from what came, in the key order in which it came: a conversation
// must be sent back block for block. The SDK's own helper adds fields and repairs cut JSON into a
// smaller input that looks valid, so it is not used here.
export function assembleReply(): ReplyAssembly {
  let head: Pick<ModelReply, 'id' | 'model'> | undefined;
  let stop: Stop | undefined;
  let usage: Usage = UNKNOWN_USAGE;
  let compactions: Usage | undefined;
  let whole = false;
  const blocks: ReplyBlock[] = [];
  const inputs = new Map<number, string>();
  const cut = new Set<ReplyBlock>();

  const close = (index: number): void => {
    const json = inputs.get(index);
    const block = blocks[index];
    inputs.delete(index);
    if (json === undefined || json === '' || block === undefined) return;
    if (!setInput(block, json)) cut.add(block);
  };

  return {
    add(event) {
      switch (event.type) {
        case 'message_start': {
          const { id, model, content, stop_reason: stopReason } = event.message;
          head = { id, model };
          usage = merged(usage, event.message.usage);
          compactions = compactionUsage(event.message.usage) ?? compactions;
          // A reply that was made before the stream began comes whole.
          blocks.push(...content);
          if (stopReason !== null && stopReason !== undefined) stop = stopOf(event.message);
          break;
        }
        case 'content_block_start':
          blocks[event.index] = event.content_block;
          break;
        case 'content_block_delta': {
          const block = blocks[event.index];
          if (block === undefined) throw new TornReplyError('a content block has no beginning');
          if (event.delta.type === 'input_json_delta') {
            inputs.set(event.index, (inputs.get(event.index) ?? '') + event.delta.partial_json);
          } else extend(block, event.delta);
          break;
        }
        case 'content_block_stop':
          close(event.index);
          break;
        case 'message_delta':
          stop = stopOf(event.delta);
          usage = merged(usage, event.usage);
          compactions = compactionUsage(event.usage) ?? compactions;
          break;
        case 'message_stop':
          whole = true;
          break;
        default:
          // The API announces that it may add kinds of events.
          break;
      }
    },
    finish(requestId) {
      if (!whole || head === undefined || stop === undefined) {
        throw new TornReplyError('the stream ended before the reply was whole');
      }
      // A block that was cut off may have no end.
      for (const index of inputs.keys()) close(index);
      if (cut.size > 0 && stop.stopReason === 'tool_use') {
        throw new TornReplyError('the input of a tool call is not valid JSON');
      }
      // Of a reply that was cut off, the call that was cut with it is left out: it has no input that
      // could be sent back.
      const content = blocks.filter((block) => !cut.has(block));
      const all = compactions === undefined ? usage : addUsage(usage, compactions);
      return { ...head, content, ...stop, usage: all, requestId };
    },
  };
}

type Stop = Pick<ModelReply, 'stopReason' | 'stopSequence' | 'stopDetails'>;

function stopOf(
  said: Pick<RawMessageDelta, 'stop_reason' | 'stop_sequence' | 'stop_details'>,
): Stop {
  return {
    stopReason: said.stop_reason ?? 'unknown',
    stopSequence: said.stop_sequence ?? null,
    stopDetails: said.stop_details ?? null,
  };
}

type RawMessageDelta = Extract<RawMessageStreamEvent, { type: 'message_delta' }>['delta'];

function extend(block: ReplyBlock, delta: Exclude<Delta, { type: 'input_json_delta' }>): void {
  switch (delta.type) {
    case 'text_delta':
      if (block.type === 'text') block.text += delta.text;
      break;
    case 'thinking_delta':
      if (block.type === 'thinking') block.thinking += delta.thinking;
      break;
    case 'signature_delta':
      if (block.type === 'thinking') block.signature = delta.signature;
      break;
    case 'citations_delta':
      if (block.type === 'text') block.citations = [...(block.citations ?? []), delta.citation];
      break;
    case 'compaction_delta':
      // It carries final values, and whatever fields the beta has.
      if (block.type === 'compaction') Object.assign(block, delta, { type: block.type });
      break;
    default:
      break;
  }
}

function setInput(block: ReplyBlock, json: string): boolean {
  if (!('input' in block)) return true;
  try {
    block.input = JSON.parse(json) as typeof block.input;
    return true;
  } catch {
    return false;
  }
}

type Counts = Omit<Usage, 'cache_creation'>;
type UsageUpdate = { [Key in keyof Counts]?: number | null } & {
  cache_creation?: CacheCreation | null;
};

function onlyCounts(split: CacheCreation): CacheCreation {
  const { ephemeral_5m_input_tokens, ephemeral_1h_input_tokens } = split;
  return { ephemeral_5m_input_tokens, ephemeral_1h_input_tokens };
}

/** Counts in the stream are cumulative, and a later event leaves out or nulls what did not change. */
function merged(usage: Usage, update: UsageUpdate | undefined): Usage {
  const split = update?.cache_creation ?? usage.cache_creation;
  return {
    input_tokens: update?.input_tokens ?? usage.input_tokens,
    output_tokens: update?.output_tokens ?? usage.output_tokens,
    cache_creation_input_tokens:
      update?.cache_creation_input_tokens ?? usage.cache_creation_input_tokens,
    cache_read_input_tokens: update?.cache_read_input_tokens ?? usage.cache_read_input_tokens,
    ...(split === undefined ? {} : { cache_creation: onlyCounts(split) }),
  };
}

/**
 * What the compactions of a reply have cost, where the reply says so. It is billed with the reply, and
 * the API leaves it out of the reply's own counts.
 */
function compactionUsage(usage: object | undefined): Usage | undefined {
  const { iterations } = (usage ?? {}) as { iterations?: BetaIterationsUsage | null };
  return iterations
    ?.filter(({ type }) => type === 'compaction')
    .map((iteration) => merged(UNKNOWN_USAGE, iteration))
    .reduce(addUsage, NO_USAGE);
}
