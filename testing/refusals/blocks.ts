import { isRecord } from '../../core/json.ts';
import { fileRefusal } from './files.ts';
import { BLOCK_KEYS, RESULT_PART_KEYS, unknownKey } from './known-keys.ts';
import { firstRefusal, inOurWords, invalid } from './refusal.ts';
import type { CheckedBlock, CheckedMessage, Refusal, RefusalOptions } from './refusal.ts';
import { sourceRefusal, unknownTag } from './sources.ts';

const TOOL_USE_ID = '^[a-zA-Z0-9_-]+$';
const TOOL_USE_NAME = '^[a-zA-Z0-9_-]{1,200}$';
const USER_ONLY = new Set(['tool_result']);
const ASSISTANT_ONLY = new Set(['tool_use', 'server_tool_use', 'thinking', 'redacted_thinking']);

export function isBlock(block: unknown): block is CheckedBlock {
  return isRecord(block) && typeof block['type'] === 'string';
}

/** One block of a message by itself. */
export function blockRefusal(
  block: unknown,
  at: number,
  message: Pick<CheckedMessage, 'index' | 'role'>,
  options: RefusalOptions,
): Refusal | undefined {
  const place = `messages.${message.index}.content.${at}`;
  if (!isRecord(block)) return invalid(`${place}: Input should be a valid dictionary`);
  if (!isBlock(block)) return invalid(`${place}.type: Field required`);
  const keys = BLOCK_KEYS.get(block.type);
  if (keys === undefined) return options.beta ? undefined : unknownBlock(place, block.type);
  const path = `${place}.${block.type}`;
  return firstRefusal([
    () => roleRefusal(block, message, place),
    () => (options.beta ? undefined : unknownKey(block, keys, path)),
    () => fieldRefusal(block, path),
    () => sourceRefusal(block, path, options.beta === true),
    () => (block.type === 'text' ? textRefusal(block, message.role, path) : undefined),
    () => (block.type === 'tool_result' ? resultRefusal(block, path, options) : undefined),
    () => fileRefusal(block, place),
  ]);
}

function roleRefusal(
  { type }: CheckedBlock,
  { index, role }: Pick<CheckedMessage, 'index' | 'role'>,
  place: string,
): Refusal | undefined {
  // A document may stand inside a tool result, but since version 2026-10-21 not here.
  if (type === 'document' && role === 'assistant') return unknownBlock(place, type);
  if (USER_ONLY.has(type) && role !== 'user') {
    return invalid(`messages.${index}: \`${type}\` blocks can only be in \`user\` messages`);
  }
  return ASSISTANT_ONLY.has(type) && role !== 'assistant'
    ? invalid(`messages.${index}: \`${type}\` blocks can only be in \`assistant\` messages`)
    : undefined;
}

const REQUIRED: Readonly<Record<string, readonly string[]>> = {
  text: ['text'],
  thinking: ['signature', 'thinking'],
  redacted_thinking: ['data'],
  tool_use: ['id', 'name'],
  tool_result: ['tool_use_id'],
  server_tool_use: ['id', 'name'],
};

function fieldRefusal(block: CheckedBlock, path: string): Refusal | undefined {
  for (const field of REQUIRED[block.type] ?? []) {
    if (block[field] === undefined) return invalid(`${path}.${field}: Field required`);
    if (typeof block[field] !== 'string') {
      return invalid(`${path}.${field}: Input should be a valid string`);
    }
  }
  if (block.type === 'tool_use') {
    return (
      patternRefusal(block['id'], TOOL_USE_ID, `${path}.id`) ??
      patternRefusal(block['name'], TOOL_USE_NAME, `${path}.name`) ??
      inputRefusal(block['input'], `${path}.input`)
    );
  }
  return block.type === 'tool_result'
    ? patternRefusal(block['tool_use_id'], TOOL_USE_ID, `${path}.tool_use_id`)
    : undefined;
}

function patternRefusal(value: unknown, pattern: string, path: string): Refusal | undefined {
  return new RegExp(pattern).test(String(value))
    ? undefined
    : invalid(`${path}: String should match pattern '${pattern}'`);
}

function inputRefusal(input: unknown, path: string): Refusal | undefined {
  if (input === undefined) return invalid(`${path}: Field required`);
  return isRecord(input) ? undefined : invalid(`${path}: Input should be a valid dictionary`);
}

function textRefusal(
  { text, citations }: CheckedBlock,
  role: CheckedMessage['role'],
  path: string,
): Refusal | undefined {
  if (text === '') return invalid('messages: text content blocks must be non-empty');
  if (String(text).trim() === '') {
    return invalid('messages: text content blocks must contain non-whitespace text');
  }
  // Since version 2026-10-21 only the assistant cites.
  return role === 'user' && Array.isArray(citations) && citations.length > 0
    ? invalid(`${path}.citations: Extra inputs are not permitted`)
    : undefined;
}

function resultRefusal(
  { content, is_error }: CheckedBlock,
  path: string,
  options: RefusalOptions,
): Refusal | undefined {
  // Seen by Anthropic's own runner, which gives such a result a text.
  if (is_error === true && isEmpty(content)) {
    return inOurWords(`${path}: content must not be empty if \`is_error\` is true`);
  }
  if (content === undefined || typeof content === 'string') return undefined;
  if (!Array.isArray(content)) return invalid(`${path}.content: Input should be a valid string`);
  if (is_error === true && content.some((part) => isBlock(part) && part.type !== 'text')) {
    return invalid(`${path}: all content must be type \`text\` if \`is_error\` is true`);
  }
  return firstRefusal(
    content.map((part: unknown, at) => () => {
      if (!isBlock(part)) return invalid(`${path}.content.${at}.type: Field required`);
      const keys = RESULT_PART_KEYS.get(part.type);
      if (keys === undefined) return undefined;
      const beta = options.beta === true;
      const partPath = `${path}.content.${at}.${part.type}`;
      return (
        (beta ? undefined : unknownKey(part, keys, partPath)) ??
        fieldRefusal(part, partPath) ??
        sourceRefusal(part, partPath, beta) ??
        (part.type === 'text' ? textRefusal(part, 'system', partPath) : undefined) ??
        fileRefusal(part, `${path}.content.${at}`)
      );
    }),
  );
}

function isEmpty(content: unknown): boolean {
  return content === '' || (Array.isArray(content) && content.length === 0);
}

function unknownBlock(place: string, tag: string): Refusal {
  const expected = [...BLOCK_KEYS.keys()].filter((key) => key !== tag);
  return invalid(`${place}: ${unknownTag(tag, expected)}`);
}
