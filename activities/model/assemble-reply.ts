import type {
  BetaCompactionContentBlockDelta,
  BetaIterationsUsage,
} from '@anthropic-ai/sdk/resources/beta/messages';
import type {
  RawContentBlockDelta,
  RawMessageStreamEvent,
} from '@anthropic-ai/sdk/resources/messages';
import type { ReplyBlock } from '../../core/conversation/messages.ts';
import type { ModelReply } from '../../core/conversation/reply.ts';
import type { Container } from '../../core/conversation/server-calls.ts';
import { defined } from '../../core/json.ts';
import type { CacheCreation, ServerToolUsage, Usage } from '../../core/turn/usage.ts';
import { addUsage, NO_USAGE } from '../../core/turn/usage.ts';

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
  /** What has come so far. A call has its input only once the block is complete. */
  readonly blocks: readonly (ReplyBlock | undefined)[];
  /** How many events have come. */
  readonly events: number;
  add(event: ReplyEvent): void;
  /** Characters of a call's input that have come, as JSON. */
  readonly inputLength: (index: number) => number;
  /** The whole reply. Throws a `TornReplyError` when it is not whole. */
  finish(requestId: string | null): ModelReply;
}

/** Without a split of the cached tokens: the API may not report it. */
const UNKNOWN_USAGE: Usage = {
  input_tokens: 0,
  output_tokens: 0,
  cache_creation_input_tokens: 0,
  cache_read_input_tokens: 0,
};

// The blocks are built in place, from what comes, in the key order in which it comes: a conversation
// must be sent back block for block. The SDK's own helper is not used here: it adds fields, and repairs
// cut JSON into a smaller input that looks valid.
export function assembleReply(): ReplyAssembly {
  let head: Pick<ModelReply, 'id' | 'model'> | undefined;
  let stop: Stop | undefined;
  let usage: Usage = UNKNOWN_USAGE;
  let compactions: Usage | undefined;
  let container: Container | undefined;
  let whole = false;
  let events = 0;
  const blocks: ReplyBlock[] = [];
  const inputs = new Map<number, string>();
  const inputLengths = new Map<number, number>();
  const cut = new Set<ReplyBlock>();

  const close = (index: number): void => {
    const json = inputs.get(index);
    const block = blocks[index];
    inputs.delete(index);
    if (json === undefined || json === '' || block === undefined) return;
    if (!setInput(block, json)) cut.add(block);
  };

  return {
    blocks,
    get events() {
      return events;
    },
    inputLength: (index) => inputLengths.get(index) ?? 0,
    add(event) {
      events += 1;
      switch (event.type) {
        case 'message_start': {
          const { id, model, content, stop_reason: stopReason } = event.message;
          head = { id, model };
          // A gateway that asks again sends another message in the same stream.
          blocks.length = 0;
          inputs.clear();
          cut.clear();
          stop = undefined;
          usage = merged(usage, event.message.usage);
          compactions = compactionUsage(event.message.usage) ?? compactions;
          container = containerOf(event.message) ?? container;
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
            const json = (inputs.get(event.index) ?? '') + event.delta.partial_json;
            inputs.set(event.index, json);
            inputLengths.set(event.index, json.length);
          } else extend(block, event.delta);
          break;
        }
        case 'content_block_stop':
          close(event.index);
          break;
        case 'message_delta':
          // A later delta may leave out what an earlier one has said.
          stop = event.delta.stop_reason == null && stop !== undefined ? stop : stopOf(event.delta);
          container = containerOf(event.delta) ?? container;
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
      // A call that was cut off with its reply is left out: it has no input that could be sent back.
      const content = blocks.filter((block) => !cut.has(block));
      const all = compactions === undefined ? usage : addUsage(usage, compactions);
      return { ...head, content, ...stop, usage: all, ...defined({ container }), requestId };
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

/** Without its skills: nothing here needs them. */
function containerOf({ container }: { container?: Container | null }): Container | undefined {
  if (container === null || container === undefined) return undefined;
  const { id, expires_at } = container;
  return { id, expires_at };
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
      // It carries final values, and may have other fields of the beta.
      if (block.type === 'compaction') Object.assign(block, delta, { type: block.type });
      break;
    default:
      extendUnknown(block as unknown as Record<string, unknown>, delta);
      break;
  }
}

/**
 * A kind of delta that this version does not know. It follows the pattern of all others: texts and lists
 * grow, anything else is set. If it were dropped, its block would go back altered.
 */
function extendUnknown(block: Record<string, unknown>, delta: object): void {
  for (const [key, value] of Object.entries(delta)) {
    if (key === 'type') continue;
    const before = block[key];
    if (typeof before === 'string' && typeof value === 'string') block[key] = before + value;
    else if (Array.isArray(before) && Array.isArray(value)) block[key] = before.concat(value);
    else block[key] = value;
  }
}

function setInput(block: ReplyBlock, json: string): boolean {
  if (block.type === 'text' || block.type === 'thinking') return true;
  try {
    (block as { input?: unknown }).input = JSON.parse(json);
    return true;
  } catch {
    return false;
  }
}

type Counts = Omit<Usage, 'cache_creation' | 'server_tool_use'>;
type UsageUpdate = { [Key in keyof Counts]?: number | null } & {
  cache_creation?: CacheCreation | null;
  server_tool_use?: ServerToolUsage | null;
};

function onlyCounts(split: CacheCreation): CacheCreation {
  const { ephemeral_5m_input_tokens, ephemeral_1h_input_tokens } = split;
  return { ephemeral_5m_input_tokens, ephemeral_1h_input_tokens };
}

/** Counts in the stream are cumulative, and a later event leaves out or nulls what did not change. */
function merged(usage: Usage, update: UsageUpdate | undefined): Usage {
  const split = update?.cache_creation ?? usage.cache_creation;
  const tools = update?.server_tool_use ?? usage.server_tool_use;
  return {
    input_tokens: update?.input_tokens ?? usage.input_tokens,
    output_tokens: update?.output_tokens ?? usage.output_tokens,
    cache_creation_input_tokens:
      update?.cache_creation_input_tokens ?? usage.cache_creation_input_tokens,
    cache_read_input_tokens: update?.cache_read_input_tokens ?? usage.cache_read_input_tokens,
    ...defined({ cache_creation: split && onlyCounts(split), server_tool_use: tools }),
  };
}

/**
 * What the compactions of a reply have cost, where the reply says so. They are billed with the reply, and
 * the API leaves them out of the reply's own counts.
 */
function compactionUsage(usage: object | undefined): Usage | undefined {
  const { iterations } = (usage ?? {}) as { iterations?: BetaIterationsUsage | null };
  return iterations
    ?.filter(({ type }) => type === 'compaction')
    .map((iteration) => merged(UNKNOWN_USAGE, iteration))
    .reduce(addUsage, NO_USAGE);
}
