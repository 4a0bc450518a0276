import { isRecord } from '../../core/json.ts';
import type { JsonObject } from '../messages/canonical.ts';
import { blockRejection, isBlock } from './blocks.ts';
import { MESSAGE_KEYS, unknownKey } from './known-keys.ts';
import { firstRejection, inOurWords, invalid } from './rejection.ts';
import type { CheckedMessage, Rejection, RejectionOptions } from './rejection.ts';

/** https://platform.claude.com/docs/en/api/messages */
const MAX_MESSAGES = 100_000;
const EMPTY_CONTENT =
  'all messages must have non-empty content except for the optional final assistant message';

type CheckedMessages =
  | { readonly type: 'rejected'; readonly rejection: Rejection }
  | { readonly type: 'checked'; readonly messages: readonly CheckedMessage[] };

/** Checks the messages' shape: roles, keys, blocks. The other checks rely on it. */
export function checkMessages(
  messages: readonly unknown[],
  options: RejectionOptions,
): CheckedMessages {
  const checked: CheckedMessage[] = [];
  const rejection = firstRejection([
    () =>
      messages.length === 0 ? invalid('messages: at least one message is required') : undefined,
    () =>
      messages.length > MAX_MESSAGES
        ? inOurWords(`messages: at most ${MAX_MESSAGES} messages may be given`)
        : undefined,
    ...messages.map((message, index) => () => {
      if (!isRecord(message)) {
        return invalid(`messages.${index}: Input should be a valid dictionary`);
      }
      const { role } = message;
      if (!isRole(role)) return roleRejection(index, role);
      const blocks = contentBlocks(message['content']);
      checked.push({ index, role, blocks: blocks.filter(isBlock) });
      return messageRejection(message, index, role, blocks, index === messages.length - 1, options);
    }),
  ]);
  return rejection === undefined
    ? { type: 'checked', messages: checked }
    : { type: 'rejected', rejection };
}

function messageRejection(
  message: JsonObject,
  index: number,
  role: CheckedMessage['role'],
  blocks: readonly unknown[],
  last: boolean,
  options: RejectionOptions,
): Rejection | undefined {
  return firstRejection([
    () => (options.beta ? undefined : unknownKey(message, MESSAGE_KEYS, `messages.${index}`)),
    () => contentRejection(message, index, role),
    () => (blocks.length === 0 ? emptyRejection(index, role, last, options) : undefined),
    ...blocks.map((block, at) => () => blockRejection(block, at, { index, role }, options)),
  ]);
}

function isRole(role: unknown): role is CheckedMessage['role'] {
  return role === 'user' || role === 'assistant' || role === 'system';
}

function roleRejection(index: number, role: unknown): Rejection {
  return role === undefined
    ? invalid(`messages.${index}.role: Field required`)
    : invalid(
        `messages: Unexpected role ${JSON.stringify(role)}. Allowed roles are "user" or "assistant".`,
      );
}

function contentRejection(message: JsonObject, index: number, role: string): Rejection | undefined {
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

function emptyRejection(
  index: number,
  role: CheckedMessage['role'],
  last: boolean,
  { beta = false }: RejectionOptions,
): Rejection | undefined {
  if (role === 'assistant' && last) return undefined;
  if (role !== 'system') return invalid(`messages.${index}: ${EMPTY_CONTENT}`);
  // With a beta, an empty system message may hold directives.
  return beta
    ? undefined
    : invalid(`messages.${index}: system content must contain at least one block`);
}

function contentBlocks(content: unknown): readonly unknown[] {
  if (typeof content === 'string') return content === '' ? [] : [{ type: 'text', text: content }];
  return Array.isArray(content) ? content : [];
}
