import type { OutputSchema } from '../agent-spec.ts';
import type { BatchPolicy } from '../calls/batch-policy.ts';
import { PlaitError } from '../errors.ts';
import { ON_TOOL_FAILURE } from '../calls/batch-policy.ts';
import { isRecord } from '../json.ts';
import type { Budget, OnLimit } from './budget.ts';
import { findBudgetProblem, ON_LIMIT } from './budget.ts';
import type { InputBlock, Message } from '../conversation/messages.ts';
import { toolUses } from '../conversation/messages.ts';

/**
 * What a turn begins with: a text, content blocks of one user message (texts, images, documents), or a
 * whole conversation.
 */
export type TurnInput = string | InputBlock[] | Message[];

/**
 * The argument of the workflow `agentTurn`, for everyone who starts it with a plain client.
 * `onToolFailure` and `batchTimeout` (in milliseconds) hold instead of the agent's.
 */
export interface TurnArgs extends Partial<BatchPolicy> {
  /** Name of an agent that the workers of the task queue have. */
  agent: string;
  input: TurnInput;
  /**
   * What the tools should know and the model should not (tenant, user, locale): JSON, given to every
   * tool as `ctx.context`, and checked by the agent's `contextSchema` where it has one.
   */
  context?: unknown;
  /** What the turn may spend, beside the agent's limits: the tighter of both holds. */
  limits?: Budget;
  /** Instead of the agent's. */
  onLimit?: OnLimit;
  /** JSON Schema of the answer, instead of the agent's `output`. */
  output?: OutputSchema;
}

/** The arguments of a turn are wrong. The message says which and what to do. */
export class InvalidTurnError extends PlaitError {
  override readonly name = 'InvalidTurnError' as const;
  override readonly code = 'INVALID_TURN' as const;
}

const FIELDS = [
  'agent',
  'input',
  'context',
  'onToolFailure',
  'batchTimeout',
  'limits',
  'onLimit',
  'output',
];

/** Checks what a plain client may have sent, and returns the conversation that the turn begins with. */
export function openingMessages(args: unknown): Message[] {
  if (!isRecord(args)) {
    throw new InvalidTurnError('agentTurn takes one argument: { agent, input, context?, … }');
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
  checkBatchPolicy(args);
  checkLimits(args);
  return toMessages(args['input']);
}

export function checkBatchPolicy({ onToolFailure, batchTimeout }: Record<string, unknown>): void {
  if (
    onToolFailure !== undefined &&
    !(ON_TOOL_FAILURE as readonly unknown[]).includes(onToolFailure)
  ) {
    throw new InvalidTurnError(`onToolFailure must be one of ${ON_TOOL_FAILURE.join(', ')}`);
  }
  if (batchTimeout === undefined) return;
  if (typeof batchTimeout !== 'number' || !Number.isFinite(batchTimeout) || batchTimeout <= 0) {
    throw new InvalidTurnError('batchTimeout must be a number of milliseconds above 0');
  }
}

export function checkLimits({ limits, onLimit, output }: Record<string, unknown>): void {
  const problem = limits === undefined ? undefined : findBudgetProblem(limits);
  if (problem !== undefined) throw new InvalidTurnError(`limits ${problem}`);
  if (onLimit !== undefined && !(ON_LIMIT as readonly unknown[]).includes(onLimit)) {
    throw new InvalidTurnError(`onLimit must be one of ${ON_LIMIT.join(', ')}`);
  }
  if (output !== undefined && !isRecord(output)) {
    throw new InvalidTurnError('output must be a JSON Schema');
  }
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
    return checked(input as unknown as Message[]);
  }
  if (input.every((item) => typeof item['type'] === 'string')) {
    return checked([{ role: 'user', content: input as unknown as InputBlock[] }]);
  }
  throw new InvalidTurnError('input mixes messages (with a role) and content blocks (with a type)');
}

/** Why this cannot be a user's message of a session, or `undefined`. */
export function findInputProblem(input: unknown): string | undefined {
  try {
    const isConversation =
      Array.isArray(input) && input.some((one) => isRecord(one) && 'role' in one);
    if (isConversation) return 'input must be a text or content blocks; a session has its messages';
    toMessages(input);
    return undefined;
  } catch (error) {
    return (error as Error).message;
  }
}

/** Why this cannot be what a session begins with, or `undefined`. It may end with the assistant. */
export function findOpeningProblem(messages: unknown): string | undefined {
  if (!Array.isArray(messages) || !messages.every((one) => isRecord(one) && 'role' in one)) {
    return 'messages must be a list of messages';
  }
  const empty = messages.findIndex(({ content }) => isEmpty(content));
  if (empty !== -1) return `messages[${empty}] is empty, which the API refuses`;
  const next: Message = { role: 'user', content: 'and then' };
  return findConversationProblem([...(messages as Message[]), next]);
}

/** The rest of each block is checked by the API. */
function checked(messages: Message[]): Message[] {
  const problem = findConversationProblem(messages);
  if (problem !== undefined) throw new InvalidTurnError(`input: ${problem}`);
  return messages;
}

const ROLES = new Set<unknown>(['user', 'assistant', 'system']);

/**
 * Why the API would refuse this conversation for ever, or `undefined`. An unanswered `tool_use`
 * cannot be repaired later, so it is refused before anything is started.
 */
function findConversationProblem(messages: readonly Message[]): string | undefined {
  const open = new Set<string>();
  const asked = new Set<string>();
  for (const [i, { role, content }] of messages.entries()) {
    if (!ROLES.has(role)) return `messages[${i}].role must be user, assistant or system`;
    if (typeof content !== 'string' && !(Array.isArray(content) && content.every(isRecord))) {
      return `messages[${i}].content must be a text or content blocks`;
    }
    if (role !== 'assistant' && role !== 'system' && messages[i - 1]?.role === 'system') {
      return `messages[${i}] follows a message with the role system, which only the assistant may do`;
    }
    const blocks = typeof content === 'string' ? [] : content;
    for (const [j, block] of blocks.entries()) {
      if (block.type !== 'tool_result') continue;
      if (j > 0 && blocks[j - 1]?.type !== 'tool_result') {
        return `messages[${i}] has a tool_result behind other content; results must come first`;
      }
      if (role !== 'user') return `messages[${i}] has a tool_result, which only the user can give`;
      if (!open.delete(block.tool_use_id)) {
        return `messages[${i}] answers ${block.tool_use_id}, which the message before it did not ask for`;
      }
    }
    if (open.size > 0) return unanswered(i - 1, open);
    for (const { id } of toolUses(blocks)) {
      if (role !== 'assistant')
        return `messages[${i}] has a tool_use, which only the assistant can ask for`;
      if (asked.has(id)) return `messages[${i}] uses the tool_use id ${id} a second time`;
      asked.add(id);
      open.add(id);
    }
  }
  if (open.size > 0) return unanswered(messages.length - 1, open);
  // A system message may follow the user's, and speaks to the same reply.
  return messages.at(-1)?.role === 'assistant'
    ? 'the last message must be from the user'
    : undefined;
}

function isEmpty(content: unknown): boolean {
  return typeof content === 'string'
    ? content.trim() === ''
    : Array.isArray(content) && content.length === 0;
}

function unanswered(index: number, ids: ReadonlySet<string>): string {
  return `messages[${index}] asks for ${[...ids].join(', ')}, and the next message has no tool_result for it`;
}
