import type { Message } from '../conversation/messages.ts';
import { isRecord, jsonBytes } from '../json.ts';
import type { Attributes } from './chat.ts';

// What was said, in the format of the conventions:
// https://github.com/open-telemetry/semantic-conventions-genai. The parts are those that the Anthropic SDK
// makes, so that both kinds of spans look alike.

/** A piece of what was said. Its `type` comes from the conventions, or is `anthropic_` plus the block's. */
export interface Part {
  type: string;
  [field: string]: unknown;
}

/** What a request sent and what came back, in the model's order. */
export interface ChatContent {
  system: readonly Part[];
  input: readonly PartMessage[];
  output: readonly PartMessage[];
  /** Some of it has already been left out. */
  isCut: boolean;
}

interface PartMessage {
  role: string;
  parts: readonly Part[];
}

/** A call's input, and what the model got as its result. */
export interface CallContent {
  /** JSON. */
  input: unknown;
  /** Content blocks; absent while the model has none. */
  result?: readonly object[];
}

type Block = Readonly<Record<string, unknown> & { type: string }>;

/** The attribute with which the Anthropic SDK says that something is missing. */
const TRUNCATED: Attributes = { 'anthropic.content.truncated': true };

/**
 * A request and its reply as parts. Of images, documents and encrypted thinking, only the type is kept.
 *
 * @param limit in bytes: what exceeds it, counted from the end, is not looked at
 */
export function chatContent(
  said: { system?: string | undefined; input: readonly Message[]; output?: readonly object[] },
  limit: number,
): ChatContent {
  const { system, output } = said;
  const reply: PartMessage[] =
    output === undefined ? [] : [{ role: 'assistant', parts: partsOf(output) }];
  let left = limit - jsonBytes(reply);
  let from = said.input.length;
  const input: PartMessage[] = [];
  while (from > 0 && left > 0) {
    from -= 1;
    const { role, content } = said.input[from] as Message;
    const message = { role, parts: partsOf(content) };
    left -= jsonBytes(message);
    input.unshift(message);
  }
  const hasSystem = system !== undefined && system !== '';
  const isCut = from > 0 || (hasSystem && left <= 0);
  return { system: hasSystem && !isCut ? partsOf(system) : [], input, output: reply, isCut };
}

/**
 * The attributes of a request's span. If there is too much, the first parts are left out: the system prompt,
 * then the oldest messages. If even the last part does not fit and is a text, its beginning is kept.
 *
 * @param limit for the values of the attributes together, in bytes of UTF-8
 */
export function chatAttributes(content: ChatContent, limit: number): Attributes {
  const room = new Room(limit);
  const output = room.messages(content.output);
  const input = room.messages(content.input);
  const system = room.parts(content.system, LIST_BYTES);
  return {
    ...list('gen_ai.system_instructions', system),
    ...list('gen_ai.input.messages', input),
    ...list('gen_ai.output.messages', output),
    ...(content.isCut || room.isFull ? TRUNCATED : {}),
  };
}

/** The input of a call, and its result as the blocks of a tool result. */
export function callContent(input: unknown, result: Content | undefined): CallContent {
  return { input, ...(result === undefined ? {} : { result: resultBlocks(result) }) };
}

/**
 * The attributes of a call's span. If there is too much, the end of the result is left out. Arguments that do
 * not fit are left out entirely: cut, they would not be JSON.
 *
 * @param limit for the values of the attributes together, in bytes of UTF-8
 */
export function callAttributes({ input, result }: CallContent, limit: number): Attributes {
  const attributes: Attributes = {};
  const inputBytes = jsonBytes(input);
  const hasInput = inputBytes <= limit;
  if (hasInput) attributes['gen_ai.tool.call.arguments'] = JSON.stringify(input);
  let isCut = !hasInput;
  if (result !== undefined) {
    let left = limit - (hasInput ? inputBytes : 0) - LIST_BYTES;
    const kept: object[] = [];
    for (const block of result) {
      const fits = fitting(block as Part, 'text', left);
      if (fits !== undefined) kept.push(fits);
      if (fits !== block) {
        isCut = true;
        break;
      }
      left -= jsonBytes(block) + COMMA_BYTES;
    }
    Object.assign(attributes, list('gen_ai.tool.call.result', kept));
  }
  return { ...attributes, ...(isCut ? TRUNCATED : {}) };
}

/** The content of a message or of a tool result, as the Messages API has it. */
type Content = string | readonly object[];

function partsOf(content: Content): Part[] {
  if (typeof content === 'string') return [{ type: 'text', content }];
  return content.map((block) => partOf(block as Block));
}

function partOf(block: Block): Part {
  const { type } = block;
  if (type === 'text') return { type: 'text', content: block['text'] };
  if (type === 'thinking') return { type: 'reasoning', content: block['thinking'] };
  if (type === 'tool_use' || type === 'server_tool_use' || type === 'mcp_tool_use') {
    return { type: 'tool_call', id: block['id'], name: block['name'], arguments: block['input'] };
  }
  if (type === 'tool_result' || type.endsWith('_tool_result')) {
    const response = resultBlocks(block['content'] as Content | undefined);
    return { type: 'tool_call_response', id: block['tool_use_id'], response };
  }
  return { type: `anthropic_${type}` };
}

/** Blocks of these types keep their fields; of others only the type is kept. */
const READABLE_BLOCKS = new Set(['text', 'search_result', 'web_search_result']);

function resultBlocks(content: Content | object | undefined): object[] {
  if (content === undefined) return [];
  if (typeof content === 'string') return [{ type: 'text', text: content }];
  if (!Array.isArray(content)) return [readable(content) as object];
  return (content as Block[]).map((block) =>
    READABLE_BLOCKS.has(block.type) ? (readable(block) as object) : { type: block.type },
  );
}

/** Without encrypted fields and the data of images and documents, which nobody can read. */
function readable(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(readable);
  if (!isRecord(value)) return value;
  const { type } = value;
  if (type === 'image' || type === 'document') return { type };
  const fields = Object.entries(value).filter(([name]) => !name.startsWith('encrypted_'));
  return Object.fromEntries(fields.map(([name, field]) => [name, readable(field)]));
}

/** The brackets of a list. */
const LIST_BYTES = 2;
const COMMA_BYTES = 1;

/** Fills up from the end, where the newest parts are. */
class Room {
  isFull = false;
  private isEmpty = true;
  private left: number;

  constructor(bytes: number) {
    this.left = bytes;
  }

  messages(messages: readonly PartMessage[]): PartMessage[] {
    const kept: PartMessage[] = [];
    this.left -= LIST_BYTES;
    for (const { role, parts } of messages.toReversed()) {
      const fits = this.parts(parts, jsonBytes({ role, parts: [] }) + COMMA_BYTES);
      if (fits.length > 0) kept.unshift({ role, parts: fits });
    }
    return kept;
  }

  /** @param around bytes for what surrounds the parts */
  parts(parts: readonly Part[], around: number): Part[] {
    const kept: Part[] = [];
    let needed = around;
    for (const part of parts.toReversed()) {
      if (this.isFull) break;
      const bytes = jsonBytes(part) + COMMA_BYTES + needed;
      if (bytes > this.left) {
        this.isFull = true;
        const first = this.isEmpty
          ? fitting(part, 'content', this.left - needed - COMMA_BYTES)
          : undefined;
        if (first !== undefined) kept.unshift(first);
        break;
      }
      this.left -= bytes;
      this.isEmpty = false;
      needed = 0;
      kept.unshift(part);
    }
    return kept;
  }
}

/** The part, or as much of the beginning of its text as fits; `undefined` if nothing fits. */
function fitting(part: Part, field: 'content' | 'text', bytes: number): Part | undefined {
  if (jsonBytes(part) <= bytes) return part;
  const text = part[field];
  if (part.type !== 'text' || typeof text !== 'string') return undefined;
  const cut = (length: number): Part => ({ ...part, [field]: text.slice(0, length) });
  let [fits, tooLong] = [0, text.length];
  while (fits + 1 < tooLong) {
    const middle = Math.floor((fits + tooLong) / 2);
    if (jsonBytes(cut(middle)) <= bytes) fits = middle;
    else tooLong = middle;
  }
  // JSON escapes half an emoji, which makes it longer than a whole one, so the search never ends inside one.
  return fits === 0 ? undefined : cut(fits);
}

function list(name: string, items: readonly object[]): Attributes {
  return items.length === 0 ? {} : { [name]: JSON.stringify(items) };
}
