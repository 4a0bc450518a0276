import { isRecord } from '../../core/json.ts';
import type { JsonObject } from '../messages/canonical.ts';
import { blockRefusal, isBlock } from './blocks.ts';
import { MESSAGE_KEYS, unknownKey } from './known-keys.ts';
import { firstRefusal, inOurWords, invalid } from './refusal.ts';
import type { CheckedMessage, Refusal, RefusalOptions } from './refusal.ts';

/** https://platform.claude.com/docs/en/api/messages */
const MAX_MESSAGES = 100_000;
const EMPTY_CONTENT =
  'all messages must have non-empty content except for the optional final assistant message';

/** The messages' shape: roles, keys, blocks. Gives the messages in a form that the next checks trust. */
export function checkedMessages(
  messages: readonly unknown[],
  options: RefusalOptions,
): readonly CheckedMessage[] | Refusal {
  if (messages.length === 0) return invalid('messages: at least one message is required');
  if (messages.length > MAX_MESSAGES) {
    return inOurWords(`messages: at most ${MAX_MESSAGES} messages may be given`);
  }
  const checked: CheckedMessage[] = [];
  for (const [index, message] of messages.entries()) {
    if (!isRecord(message)) return invalid(`messages.${index}: Input should be a valid dictionary`);
    const role = message['role'];
    if (!isRole(role)) return roleRefusal(index, role);
    const blocks = contentBlocks(message['content']);
    const last = index === messages.length - 1;
    const refused =
      (options.beta ? undefined : unknownKey(message, MESSAGE_KEYS, `messages.${index}`)) ??
      contentRefusal(message, index, role) ??
      (blocks.length === 0 ? emptyRefusal(index, role, last, options) : undefined) ??
      firstRefusal(
        blocks.map((block, at) => () => blockRefusal(block, at, { index, role }, options)),
      );
    if (refused !== undefined) return refused;
    checked.push({ index, role, blocks: blocks.filter(isBlock) });
  }
  return checked;
}

function isRole(role: unknown): role is CheckedMessage['role'] {
  return role === 'user' || role === 'assistant' || role === 'system';
}

function roleRefusal(index: number, role: unknown): Refusal {
  return role === undefined
    ? invalid(`messages.${index}.role: Field required`)
    : invalid(
        `messages: Unexpected role ${JSON.stringify(role)}. Allowed roles are "user" or "assistant".`,
      );
}

function contentRefusal(message: JsonObject, index: number, role: string): Refusal | undefined {
  const { content } = message;
  if (content === undefined) return invalid(`messages.${index}.content: Field required`);
  if (typeof content !== 'string' && !Array.isArray(content)) {
    return invalid(`messages.${index}.content: Input should be a valid array`);
  }
  const foreign = contentBlocks(content).some(
    (block) => isBlock(block) && !SYSTEM_BLOCKS.has(block.type),
  );
  return role === 'system' && foreign
    ? invalid(
        `messages.${index}: role 'system' supports text, tool_addition, and tool_removal blocks only`,
      )
    : undefined;
}

const SYSTEM_BLOCKS = new Set(['text', 'tool_addition', 'tool_removal']);

function emptyRefusal(
  index: number,
  role: CheckedMessage['role'],
  last: boolean,
  { beta = false }: RefusalOptions,
): Refusal | undefined {
  if (role === 'assistant' && last) return undefined;
  if (role !== 'system') return invalid(`messages.${index}: ${EMPTY_CONTENT}`);
  // With a beta an empty system message may carry directives.
  return beta
    ? undefined
    : invalid(`messages.${index}: system content must contain at least one block`);
}

function contentBlocks(content: unknown): readonly unknown[] {
  if (typeof content === 'string') return content === '' ? [] : [{ type: 'text', text: content }];
  return Array.isArray(content) ? content : [];
}
