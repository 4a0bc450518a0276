import type { BetaCompactionContentBlockDelta } from '@anthropic-ai/sdk/resources/beta/messages';
import type { RawContentBlockDelta } from '@anthropic-ai/sdk/resources/messages';
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
import { callName } from '../../core/conversation/reply.ts';
import { beginningOf, defined, isRecord } from '../../core/json.ts';
import { UnusableReplyError } from './reply-errors.ts';

// Blocks are built in place, from what comes, in the key order in which it comes: a conversation must be sent
// back block for block. The SDK's own helper is not used here: it adds fields, and repairs cut JSON into a
// smaller input that looks valid.

export type Delta = RawContentBlockDelta | BetaCompactionContentBlockDelta;

/**
 * More than any model writes, since a reply has 128,000 tokens at most: in characters, and in values of its
 * JSON. Reading and checking it takes time in which the worker does nothing else.
 */
const MAX_INPUT = 1_000_000;
const MAX_VALUES = 100_000;
/** More blocks than any reply holds. */
const MAX_BLOCKS = 10_000;

/** The blocks of a reply that still comes. */
export class ReplyBlocks {
  /** What has come so far. A call has its input only once the block is complete. */
  readonly list: ReplyBlock[] = [];
  /** The JSON of inputs that have not come whole. */
  private readonly inputs = new Map<number, string>();
  private readonly inputLengths = new Map<number, number>();
  private readonly ended = new Set<ReplyBlock>();
  /** Blocks whose input cannot be used, and why. */
  private readonly cut = new Map<ReplyBlock, string>();

  /** The message begins, or begins again, with the blocks that come whole. `data` is the JSON of the event. */
  beginMessage(content: readonly ReplyBlock[], data: string | undefined): void {
    this.list.length = 0;
    this.inputs.clear();
    this.inputLengths.clear();
    this.cut.clear();
    this.list.push(...content.map((block, i) => begun(block, data, ['message', 'content', i])));
  }

  begin(index: number, block: ReplyBlock, data: string | undefined): void {
    if (!Number.isInteger(index) || index < 0 || index > MAX_BLOCKS) {
      throw new UnusableReplyError(`a content block has the index ${String(index)}`);
    }
    this.list[index] = begun(block, data, ['content_block']);
  }

  extend(index: number, delta: Delta): void {
    const block = this.list[index];
    if (block === undefined) throw new UnusableReplyError('a content block has no beginning');
    if (delta.type !== 'input_json_delta') {
      extend(block, delta);
      return;
    }
    const json = (this.inputs.get(index) ?? '') + textIn(delta, 'partial_json');
    if (json.length > MAX_INPUT) {
      throw new UnusableReplyError(`${inputOf(block)} is longer than ${MAX_INPUT} characters`);
    }
    this.inputs.set(index, json);
    this.inputLengths.set(index, json.length);
  }

  end(index: number): void {
    this.readInput(index);
    const block = this.list[index];
    if (block !== undefined) this.ended.add(block);
  }

  /** Whether the block has come whole, with an input that can be used. */
  isComplete(index: number): boolean {
    const block = this.list[index];
    return block !== undefined && this.ended.has(block) && !this.cut.has(block);
  }

  /** Characters of a call's input that have come, as JSON. */
  inputLength(index: number): number {
    return this.inputLengths.get(index) ?? 0;
  }

  /** What can be sent back, and why something cannot, if a block has no usable input. */
  finish(): { content: ReplyBlock[]; problem: string | undefined } {
    // A block that was cut off may have no end.
    for (const index of this.inputs.keys()) this.readInput(index);
    const [problem] = this.cut.values();
    return { content: this.list.filter((block) => !this.cut.has(block)), problem };
  }

  private readInput(index: number): void {
    const json = this.inputs.get(index);
    const block = this.list[index];
    this.inputs.delete(index);
    if (json === undefined || json === '' || block === undefined) return;
    const problem = setInput(block, json);
    if (problem !== undefined) this.cut.set(block, problem);
  }
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
