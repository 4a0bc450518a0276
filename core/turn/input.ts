import type { OutputSchema } from '../agent-spec.ts';
import type { BatchPolicy } from '../calls/batch-policy.ts';
import { ON_TOOL_FAILURE } from '../calls/batch-policy.ts';
import {
  findConversationProblem,
  findGivenFileProblem,
  withoutBlankTexts,
} from '../conversation/acceptable.ts';
import type { InputBlock, Message } from '../conversation/messages.ts';
import { isDuration, MILLISECONDS } from '../duration.ts';
import { PlaitError } from '../errors.ts';
import { hasLoneSurrogate, isRecord, shorten } from '../json.ts';
import type { Fields, Shape } from '../shape.ts';
import {
  anything,
  argument,
  bool,
  closed,
  MAX_PROBLEM,
  misfit,
  oneOf,
  optional,
  said,
  someText,
  that,
} from '../shape.ts';
import type { Budget, OnLimit } from './budget.ts';
import { findBudgetProblem, ON_LIMIT } from './budget.ts';

/**
 * What a turn begins with: a text, content blocks of one user message (texts, images, documents), or a
 * whole conversation.
 */
export type TurnInput = string | InputBlock[] | Message[];

/**
 * The argument of the workflow `agentTurn`, for those who start it with a plain client.
 * `onToolFailure` and `batchTimeout` (in milliseconds) replace the agent's.
 */
export interface TurnArgs extends Partial<BatchPolicy> {
  /** Name of an agent that the workers of the task queue have. */
  agent: string;
  input: TurnInput;
  /**
   * What the tools should know and the model should not (tenant, user, locale): JSON, given to every
   * tool as `ctx.context`, and checked by the agent's `contextSchema` if it has one.
   */
  context?: unknown;
  /** What the turn may spend, in addition to the agent's limits: the tighter one applies. */
  limits?: Budget;
  /** What the turn does when it reaches a limit. @default the agent's */
  onLimit?: OnLimit;
  /** JSON Schema of the answer, instead of the agent's `output`. */
  output?: OutputSchema;
  /** Whether `stream()` reports replies while the model writes them. @default the agent's */
  stream?: boolean;
}

/** The arguments of a turn are wrong. The message says which and what to do. */
export class InvalidTurnError extends PlaitError {
  override readonly name = 'InvalidTurnError' as const;
  override readonly code = 'INVALID_TURN' as const;
}

const NAME_LIMIT = 1_000;

const LIMITS: Shape<Budget> = findBudgetProblem;

const OUTPUT: Shape<OutputSchema> = (value, at) => {
  if (!isRecord(value)) return `${at} must be a JSON Schema`;
  return hasLoneSurrogate(value)
    ? `${at} holds half of an emoji or of another pair of characters, which the API rejects`
    : undefined;
};

/** The arguments that turns and sessions share. */
export type SharedArgs = Omit<TurnArgs, 'input' | 'output'>;

export const SHARED_FIELDS: Fields<SharedArgs> = {
  agent: said('be the name of an agent', someText(NAME_LIMIT)),
  context: anything,
  onToolFailure: optional(oneOf(...ON_TOOL_FAILURE)),
  batchTimeout: optional(that(`be ${MILLISECONDS}`, isDuration)),
  limits: optional(LIMITS),
  onLimit: optional(oneOf(...ON_LIMIT)),
  stream: optional(bool),
};

const ARGS = argument(
  'agentTurn takes one argument: { agent, input, context?, … }',
  closed<TurnArgs>('a turn', {
    agent: SHARED_FIELDS.agent,
    // Checked separately: a turn that continues has none.
    input: anything as Shape<TurnInput>,
    context: SHARED_FIELDS.context,
    onToolFailure: SHARED_FIELDS.onToolFailure,
    batchTimeout: SHARED_FIELDS.batchTimeout,
    limits: SHARED_FIELDS.limits,
    onLimit: SHARED_FIELDS.onLimit,
    output: optional(OUTPUT),
    stream: SHARED_FIELDS.stream,
  }),
);

/** What is wrong with the arguments of a turn, apart from its input, or `undefined`. */
export function findArgsProblem(args: unknown): string | undefined {
  return misfit(ARGS, args, 'the argument of agentTurn');
}

/** Checks what a plain client may have sent, and returns the turn's first messages. */
export function openingMessages(args: unknown): Message[] {
  const problem = findArgsProblem(args);
  if (problem !== undefined) throw new InvalidTurnError(problem);
  return inputMessages((args as TurnArgs).input);
}

/** The conversation that a turn with this input begins with. Throws an `InvalidTurnError`. */
export function inputMessages(input: unknown): Message[] {
  if (typeof input === 'string') {
    if (input.trim() === '') {
      throw new InvalidTurnError('input is empty: the API rejects empty text');
    }
    return [{ role: 'user', content: input }];
  }
  if (!Array.isArray(input) || input.length === 0 || !input.every(isRecord)) {
    throw new InvalidTurnError('input must be a text, content blocks, or messages');
  }
  if (input.every((item) => typeof item['role'] === 'string')) {
    return checked(input as unknown as Message[], input);
  }
  if (input.every((item) => typeof item['type'] === 'string')) {
    return checked([{ role: 'user', content: input as unknown as InputBlock[] }], input);
  }
  throw new InvalidTurnError('input mixes messages (with a role) and content blocks (with a type)');
}

/** Why this cannot be a user's message to a session, or `undefined`. */
export function findInputProblem(input: unknown): string | undefined {
  try {
    const isConversation =
      Array.isArray(input) && input.some((one) => isRecord(one) && 'role' in one);
    if (isConversation) return 'input must be a text or content blocks; a session has its messages';
    inputMessages(input);
    return undefined;
  } catch (error) {
    return (error as Error).message;
  }
}

/** Why a session cannot begin with this, or `undefined`. It may end with the assistant. */
export function findOpeningProblem(messages: unknown): string | undefined {
  if (!Array.isArray(messages) || !messages.every((one) => isRecord(one) && 'role' in one)) {
    return 'messages must be a list of messages';
  }
  const next: Message = { role: 'user', content: 'and then' };
  return (
    findConversationProblem([...withoutBlankTexts(messages), next]) ??
    findGivenFileProblem(messages, 'messages')
  );
}

function checked(given: Message[], input: unknown): Message[] {
  const messages = withoutBlankTexts(given);
  const problem = findConversationProblem(messages);
  if (problem !== undefined) throw new InvalidTurnError(shorten(`input: ${problem}`, MAX_PROBLEM));
  const file = findGivenFileProblem(input, 'input');
  if (file !== undefined) throw new InvalidTurnError(`${file}.`);
  return messages as Message[];
}
