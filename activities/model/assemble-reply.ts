import type {
  BetaCompactionContentBlockDelta,
  BetaIterationsUsage,
} from '@anthropic-ai/sdk/resources/beta/messages';
import type {
  RawContentBlockDelta,
  RawMessageStreamEvent,
} from '@anthropic-ai/sdk/resources/messages';
import type { WithExactTexts } from '../../core/conversation/exact-json.ts';
import {
  EXACT_FIELD,
  exactText,
  hasMoreValues,
  isNestedDeeper,
  MAX_NESTING,
  memberTexts,
} from '../../core/conversation/exact-json.ts';
import type { ReplyBlock } from '../../core/conversation/messages.ts';
import type { ModelReply } from '../../core/conversation/reply.ts';
import { callName } from '../../core/conversation/reply.ts';
import type { Container } from '../../core/conversation/server-calls.ts';
import { beginningOf, defined, isRecord } from '../../core/json.ts';
import type { CacheCreation, ServerToolUsage, Usage } from '../../core/turn/usage.ts';
import { addUsage, NO_USAGE } from '../../core/turn/usage.ts';

/** The stream did not bring one whole reply, so nothing of it may be kept. Another attempt may. */
export class TornReplyError extends Error {
  override readonly name = 'TornReplyError' as const;
}

/**
 * The stream ended without a valid reply. The next one may well be the same, so it is asked for only a few
 * times more.
 */
export class UnusableReplyError extends Error {
  override readonly name = 'UnusableReplyError' as const;
  /** What the reply has cost, as far as the stream said. */
  usage: Usage = NO_USAGE;
  requestId: string | null = null;
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
  /** `message_stop` has come: whatever follows is not part of the reply. */
  readonly isWhole: boolean;
  /** What the reply has cost, as far as the stream has said. */
  readonly usage: Usage;
  /**
   * `data` is the JSON that the event was read from. Throws an `UnusableReplyError` for an event that is
   * not one of the API's.
   */
  add(event: ReplyEvent, data?: string): void;
  /** Whether the block has come whole, with an input that can be used. */
  readonly isComplete: (index: number) => boolean;
  /** Characters of a call's input that have come, as JSON. */
  readonly inputLength: (index: number) => number;
  /**
   * The whole reply. Throws a `TornReplyError` when it is not whole, and an `UnusableReplyError` when it is
   * not a reply.
   */
  finish(requestId: string | null): ModelReply;
}

/**
 * More than any model writes, since a reply has 128,000 tokens at most: in characters, and in values of its
 * JSON. Reading and checking it takes time in which the worker does nothing else.
 */
const MAX_INPUT = 1_000_000;
const MAX_VALUES = 100_000;
/** More blocks than any reply holds. */
const MAX_BLOCKS = 10_000;

/** The stop reasons of replies whose calls are all whole. */
const COMPLETE: ReadonlySet<string> = new Set(['tool_use', 'end_turn', 'pause_turn']);

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
  const closed = new Set<ReplyBlock | undefined>();
  /** Blocks whose input cannot be used, and why. */
  const cut = new Map<ReplyBlock, string>();

  const total = (): Usage => (compactions === undefined ? usage : addUsage(usage, compactions));

  const close = (index: number): void => {
    const json = inputs.get(index);
    const block = blocks[index];
    inputs.delete(index);
    if (json === undefined || json === '' || block === undefined) return;
    const problem = setInput(block, json);
    if (problem !== undefined) cut.set(block, problem);
  };

  const take = (event: ReplyEvent, data: string | undefined): void => {
    switch (event.type) {
      case 'message_start': {
        const { id, model, content, stop_reason: stopReason } = event.message;
        head = { id, model };
        // A gateway that asked again sends a second message in the same stream.
        blocks.length = 0;
        inputs.clear();
        cut.clear();
        stop = undefined;
        usage = merged(usage, event.message.usage);
        compactions = compactionUsage(event.message.usage) ?? compactions;
        container = containerOf(event.message) ?? container;
        // A reply that was made before the stream began comes whole.
        blocks.push(...content.map((block, i) => begun(block, data, ['message', 'content', i])));
        if (stopReason !== null && stopReason !== undefined) stop = stopOf(event.message);
        break;
      }
      case 'content_block_start': {
        const { index } = event;
        if (!Number.isInteger(index) || index < 0 || index > MAX_BLOCKS) {
          throw new UnusableReplyError(`a content block has the index ${String(index)}`);
        }
        blocks[index] = begun(event.content_block, data, ['content_block']);
        break;
      }
      case 'content_block_delta': {
        const block = blocks[event.index];
        if (block === undefined) throw new UnusableReplyError('a content block has no beginning');
        if (event.delta.type === 'input_json_delta') {
          const json = (inputs.get(event.index) ?? '') + textIn(event.delta, 'partial_json');
          if (json.length > MAX_INPUT) {
            throw new UnusableReplyError(
              `${inputOf(block)} is longer than ${MAX_INPUT} characters`,
            );
          }
          inputs.set(event.index, json);
          inputLengths.set(event.index, json.length);
        } else extend(block, event.delta);
        break;
      }
      case 'content_block_stop':
        close(event.index);
        closed.add(blocks[event.index]);
        break;
      case 'message_delta':
        // A later delta may leave out what an earlier one said.
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
  };

  return {
    blocks,
    get events() {
      return events;
    },
    get isWhole() {
      return whole;
    },
    get usage() {
      return total();
    },
    isComplete(index) {
      const block = blocks[index];
      return block !== undefined && closed.has(block) && !cut.has(block);
    },
    inputLength: (index) => inputLengths.get(index) ?? 0,
    add(event, data) {
      events += 1;
      try {
        take(event, data);
      } catch (error) {
        if (error instanceof UnusableReplyError) throw error;
        // A field is missing or has another type.
        const shown = beginningOf(data ?? JSON.stringify(event));
        throw new UnusableReplyError(`an event of its stream is not the API's: ${shown}`, {
          cause: error,
        });
      }
    },
    finish(requestId) {
      if (!whole) throw new TornReplyError('the stream ended before the reply was whole');
      if (head === undefined || stop === undefined) {
        const missing = head === undefined ? 'message_start' : 'message_delta';
        throw new UnusableReplyError(`its stream has no ${missing}`);
      }
      // A block that was cut off may have no end.
      for (const index of inputs.keys()) close(index);
      const [problem] = cut.values();
      if (problem !== undefined && COMPLETE.has(stop.stopReason)) {
        throw new UnusableReplyError(problem);
      }
      // A call that was cut off with its reply is left out: it has no input that could be sent back.
      const content = blocks.filter((block) => !cut.has(block));
      return { ...head, content, ...stop, usage: total(), ...defined({ container }), requestId };
    },
  };
}

/** A block as it begins. Its fields of JSON may hold what JavaScript does not. */
function begun(
  given: ReplyBlock,
  data: string | undefined,
  path: readonly (string | number)[],
): ReplyBlock {
  // Drop Plait's own field where it came from outside.
  const { [EXACT_FIELD]: _, ...block } = given as ReplyBlock & WithExactTexts;
  if (typeof block.type !== 'string') throw new UnusableReplyError('a content block has no type');
  const texts = TEXTS[block.type] ?? [];
  for (const field of texts) textIn(block, field);
  // JSON that is nested too deeply is not kept here; the check of the whole reply finds it.
  if (data === undefined || !hasJson(block) || isNestedDeeper(block)) return block;
  for (const [field, text] of memberTexts(data, path)) {
    if (field in block && text.length <= MAX_EXACT) keepExact(block, field, text);
  }
  return block;
}

/**
 * Larger fields hold files that the API's own tools found: megabytes are not kept twice for the sake of a
 * number in them.
 */
const MAX_EXACT = 256 * 1024;

/** The fields that a block of this type must have, as texts. */
const TEXTS: Readonly<Record<string, readonly string[]>> = {
  text: ['text'],
  thinking: ['thinking'],
  tool_use: ['id', 'name'],
};

function textIn(holder: object, field: string): string {
  const text = (holder as Record<string, unknown>)[field];
  if (typeof text === 'string') return text;
  const type = (holder as { type?: unknown }).type;
  throw new UnusableReplyError(`its ${String(type)} has no ${field}`);
}

/** Most blocks begin empty. */
function hasJson(block: object): boolean {
  return Object.values(block).some(
    (value) =>
      typeof value === 'number' ||
      (Array.isArray(value) ? value.length > 0 : isRecord(value) && Object.keys(value).length > 0),
  );
}

/** Keeps the JSON text of a field where JavaScript cannot hold its value. */
function keepExact(block: ReplyBlock, field: string, text: string): void {
  const holder = block as ReplyBlock & WithExactTexts;
  const exact = exactText(text, (block as unknown as Record<string, unknown>)[field]);
  const { [field]: _, ...others } = holder[EXACT_FIELD] ?? {};
  const texts = { ...others, ...defined({ [field]: exact }) } as Record<string, string>;
  if (Object.keys(texts).length > 0) holder[EXACT_FIELD] = texts;
  else delete holder[EXACT_FIELD];
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
  return typeof id === 'string' && typeof expires_at === 'string' ? { id, expires_at } : undefined;
}

type RawMessageDelta = Extract<RawMessageStreamEvent, { type: 'message_delta' }>['delta'];

function extend(block: ReplyBlock, delta: Exclude<Delta, { type: 'input_json_delta' }>): void {
  switch (delta.type) {
    case 'text_delta':
      if (block.type === 'text') block.text += textIn(delta, 'text');
      break;
    case 'thinking_delta':
      if (block.type === 'thinking') block.thinking += textIn(delta, 'thinking');
      break;
    case 'signature_delta':
      if (block.type === 'thinking') block.signature = textIn(delta, 'signature');
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
 * Applies a kind of delta that this version does not know, by the pattern of all others: texts and lists
 * grow, anything else is set. Without it, the block would go back altered.
 */
function extendUnknown(block: Record<string, unknown>, delta: object): void {
  for (const [key, value] of Object.entries(delta)) {
    // Plait's own field means nothing where it came from outside.
    if (key === 'type' || key === EXACT_FIELD) continue;
    const before = block[key];
    if (typeof before === 'string' && typeof value === 'string') block[key] = before + value;
    else if (Array.isArray(before) && Array.isArray(value)) block[key] = before.concat(value);
    else block[key] = value;
  }
}

/** Why the input cannot be used; `undefined` where it can. */
function setInput(block: ReplyBlock, json: string): string | undefined {
  if (block.type === 'text' || block.type === 'thinking') return undefined;
  let input: unknown;
  try {
    input = JSON.parse(json);
  } catch {
    return `${inputOf(block)} is not valid JSON: ${beginningOf(json)}`;
  }
  // With its comma a value takes two characters, so shorter texts need not be counted.
  if (json.length > 2 * MAX_VALUES && hasMoreValues(input, MAX_VALUES)) {
    return `${inputOf(block)} has more than ${MAX_VALUES} values: ${beginningOf(json)}`;
  }
  if (isNestedDeeper(input)) {
    return `${inputOf(block)} is nested more than ${MAX_NESTING} deep: ${beginningOf(json)}`;
  }
  (block as { input?: unknown }).input = input;
  keepExact(block, 'input', json);
  return undefined;
}

function inputOf(block: ReplyBlock): string {
  return `the input of ${callName(block)}`;
}

type Counts = Omit<Usage, 'cache_creation' | 'server_tool_use'>;
type UsageUpdate = { [Key in keyof Counts]?: number | null } & {
  cache_creation?: CacheCreation | null;
  server_tool_use?: ServerToolUsage | null;
};

/** A count that is not a number would spoil every sum that it goes into. */
function count(value: unknown): number | undefined {
  return typeof value === 'number' && Number.isFinite(value) && value >= 0 ? value : undefined;
}

function onlyCounts(split: CacheCreation): CacheCreation {
  return {
    ephemeral_5m_input_tokens: count(split.ephemeral_5m_input_tokens) ?? 0,
    ephemeral_1h_input_tokens: count(split.ephemeral_1h_input_tokens) ?? 0,
  };
}

/** Counts in the stream are cumulative, and a later event leaves out or nulls what did not change. */
function merged(usage: Usage, update: UsageUpdate | undefined): Usage {
  const split = update?.cache_creation ?? usage.cache_creation;
  const tools = update?.server_tool_use ?? usage.server_tool_use;
  return {
    input_tokens: count(update?.input_tokens) ?? usage.input_tokens,
    output_tokens: count(update?.output_tokens) ?? usage.output_tokens,
    cache_creation_input_tokens:
      count(update?.cache_creation_input_tokens) ?? usage.cache_creation_input_tokens,
    cache_read_input_tokens:
      count(update?.cache_read_input_tokens) ?? usage.cache_read_input_tokens,
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
