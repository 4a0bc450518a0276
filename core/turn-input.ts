import { isRecord } from './json.ts';
import type { Message } from './messages.ts';
import type { TurnArgs } from './turn.ts';

/** The arguments of a turn are wrong. The message says which and what to do. */
export class InvalidTurnError extends Error {
  override readonly name = 'InvalidTurnError' as const;
}

const FIELDS = ['agent', 'input', 'context'];

/** Checks what a plain client may have sent, and returns the conversation that the turn begins with. */
export function openingMessages(args: unknown): Message[] {
  if (!isRecord(args)) {
    throw new InvalidTurnError('agentTurn takes one argument: { agent, input, context? }');
  }
  const unknown = Object.keys(args).filter((key) => !FIELDS.includes(key));
  if (unknown.length > 0) {
    throw new InvalidTurnError(
      `unknown field ${unknown.join(', ')}; a turn takes ${FIELDS.join(', ')}`,
    );
  }
  if (typeof args['agent'] !== 'string' || args['agent'] === '') {
    throw new InvalidTurnError('agent must be the name of an agent');
  }
  return toMessages(args['input'] as TurnArgs['input']);
}

function toMessages(input: unknown): Message[] {
  if (typeof input === 'string') {
    if (input.trim() === '')
      throw new InvalidTurnError('input is empty: the API refuses empty text');
    return [{ role: 'user', content: input }];
  }
  if (!Array.isArray(input) || input.length === 0 || !input.every(isRecord)) {
    throw new InvalidTurnError('input must be a text, content blocks, or messages');
  }
  if (input.every((item) => typeof item['role'] === 'string')) {
    // Checked by the rules below; the API checks the rest of each block.
    const messages = input as unknown as Message[];
    const problem = findConversationProblem(messages);
    if (problem !== undefined) throw new InvalidTurnError(`input: ${problem}`);
    return messages;
  }
  if (input.every((item) => typeof item['type'] === 'string')) {
    return [{ role: 'user', content: input as unknown as Exclude<Message['content'], string> }];
  }
  throw new InvalidTurnError('input mixes messages (with a role) and content blocks (with a type)');
}

/**
 * Why the API would refuse this conversation for ever, or `undefined`. An unanswered `tool_use`
 * cannot be repaired later, so it is refused before anything is started.
 */
function findConversationProblem(messages: readonly Message[]): string | undefined {
  let open = new Set<string>();
  for (const [i, message] of messages.entries()) {
    if (typeof message.content !== 'string' && !Array.isArray(message.content)) {
      return `messages[${i}].content must be a text or content blocks`;
    }
    const blocks = typeof message.content === 'string' ? [] : message.content;
    for (const block of blocks) {
      if (block.type !== 'tool_result') continue;
      if (!open.delete(block.tool_use_id)) {
        return `messages[${i}] answers ${block.tool_use_id}, which the message before it did not ask for`;
      }
    }
    if (open.size > 0) return unanswered(i - 1, open);
    open = new Set(blocks.flatMap((block) => (block.type === 'tool_use' ? [block.id] : [])));
  }
  if (open.size > 0) return unanswered(messages.length - 1, open);
  return messages.at(-1)?.role === 'user' ? undefined : 'the last message must be from the user';
}

function unanswered(index: number, ids: ReadonlySet<string>): string {
  return `messages[${index}] asks for ${[...ids].join(', ')}, and the next message has no tool_result for it`;
}
