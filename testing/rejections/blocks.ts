import { isRecord } from '../../core/json.ts';
import { fileRejection } from './files.ts';
import { BLOCK_KEYS, RESULT_PART_KEYS, unknownKey } from './known-keys.ts';
import { blankTextRejection, firstRejection, invalid } from './rejection.ts';
import type { CheckedBlock, CheckedMessage, Rejection, RejectionOptions } from './rejection.ts';
import { sourceRejection, unknownTag } from './sources.ts';

const TOOL_USE_ID = '^[a-zA-Z0-9_-]+$';
const TOOL_USE_NAME = '^[a-zA-Z0-9_-]{1,200}$';
const USER_ONLY = new Set(['tool_result']);
const ASSISTANT_ONLY = new Set(['tool_use', 'server_tool_use', 'thinking', 'redacted_thinking']);

export function isBlock(block: unknown): block is CheckedBlock {
  return isRecord(block) && typeof block['type'] === 'string';
}

/** The rules for a single block of a message. */
export function blockRejection(
  block: unknown,
  at: number,
  message: Pick<CheckedMessage, 'index' | 'role'>,
  options: RejectionOptions,
): Rejection | undefined {
  const place = `messages.${message.index}.content.${at}`;
  if (!isRecord(block)) return invalid(`${place}: Input should be a valid dictionary`);
  if (!isBlock(block)) return invalid(`${place}.type: Field required`);
  const keys = BLOCK_KEYS.get(block.type);
  if (keys === undefined) return options.beta ? undefined : unknownBlock(place, block.type);
  const path = `${place}.${block.type}`;
  return firstRejection([
    () => roleRejection(block, message, place),
    () => (options.beta ? undefined : unknownKey(block, keys, path)),
    () => fieldRejection(block, path),
    () => sourceRejection(block, path, options.beta === true),
    () => (block.type === 'text' ? textRejection(block, message.role, path) : undefined),
    () => (block.type === 'tool_result' ? resultRejection(block, path, options) : undefined),
    () => fileRejection(block, place),
  ]);
}

function roleRejection(
  { type }: CheckedBlock,
  { index, role }: Pick<CheckedMessage, 'index' | 'role'>,
  place: string,
): Rejection | undefined {
  // Since version 2026-10-21 the assistant may have a document only inside a tool result.
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

function fieldRejection(block: CheckedBlock, path: string): Rejection | undefined {
  for (const field of REQUIRED[block.type] ?? []) {
    if (block[field] === undefined) return invalid(`${path}.${field}: Field required`);
    if (typeof block[field] !== 'string') {
      return invalid(`${path}.${field}: Input should be a valid string`);
    }
  }
  if (block.type === 'tool_use') {
    return (
      patternRejection(block['id'], TOOL_USE_ID, `${path}.id`) ??
      patternRejection(block['name'], TOOL_USE_NAME, `${path}.name`) ??
      inputRejection(block['input'], `${path}.input`)
    );
  }
  return block.type === 'tool_result'
    ? patternRejection(block['tool_use_id'], TOOL_USE_ID, `${path}.tool_use_id`)
    : undefined;
}

function patternRejection(value: unknown, pattern: string, path: string): Rejection | undefined {
  return new RegExp(pattern).test(String(value))
    ? undefined
    : invalid(`${path}: String should match pattern '${pattern}'`);
}

function inputRejection(input: unknown, path: string): Rejection | undefined {
  if (input === undefined) return invalid(`${path}: Field required`);
  return isRecord(input) ? undefined : invalid(`${path}: Input should be a valid dictionary`);
}

function textRejection(
  { text, citations }: CheckedBlock,
  role: CheckedMessage['role'],
  path: string,
): Rejection | undefined {
  const blank = blankTextRejection(String(text), 'messages');
  if (blank !== undefined) return blank;
  // Since version 2026-10-21 only the assistant cites.
  return role === 'user' && Array.isArray(citations) && citations.length > 0
    ? invalid(`${path}.citations: Extra inputs are not permitted`)
    : undefined;
}

function resultRejection(
  { content, is_error }: CheckedBlock,
  path: string,
  options: RejectionOptions,
): Rejection | undefined {
  if (is_error === true && isEmpty(content)) {
    return invalid(`${path}: content cannot be empty if \`is_error\` is true`);
  }
  if (content === undefined || typeof content === 'string') return undefined;
  if (!Array.isArray(content)) return invalid(`${path}.content: Input should be a valid string`);
  if (is_error === true && content.some((part) => isBlock(part) && part.type !== 'text')) {
    return invalid(`${path}: all content must be type \`text\` if \`is_error\` is true`);
  }
  return firstRejection(
    content.map(
      (part: unknown, at) => () =>
        partRejection(part, `${path}.content.${at}`, options.beta === true),
    ),
  );
}

function partRejection(part: unknown, place: string, beta: boolean): Rejection | undefined {
  if (!isBlock(part)) return invalid(`${place}.type: Field required`);
  const keys = RESULT_PART_KEYS.get(part.type);
  if (keys === undefined) {
    const known = [...RESULT_PART_KEYS.keys()];
    return beta ? undefined : invalid(`${place}: ${unknownTag(part.type, known)}`);
  }
  const path = `${place}.${part.type}`;
  return firstRejection([
    () => (beta ? undefined : unknownKey(part, keys, path)),
    () => fieldRejection(part, path),
    () => sourceRejection(part, path, beta),
    () => (part.type === 'text' ? textRejection(part, 'system', path) : undefined),
    () => fileRejection(part, place),
  ]);
}

function isEmpty(content: unknown): boolean {
  return content === '' || (Array.isArray(content) && content.length === 0);
}

function unknownBlock(place: string, tag: string): Rejection {
  const expected = [...BLOCK_KEYS.keys()].filter((key) => key !== tag);
  return invalid(`${place}: ${unknownTag(tag, expected)}`);
}
