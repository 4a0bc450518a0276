import type { Message } from '../conversation/messages.ts';
import { storedData } from '../conversation/stored-data.ts';
import type { Shape } from '../shape.ts';
import { anything, argument, bool, closed, misfit, oneOf, optional, text } from '../shape.ts';
import { findInputProblem, findOpeningProblem, SHARED_FIELDS } from '../turn/input.ts';
import { CALLING_TURN } from './calling-turn.ts';
import type { Close, Send, SessionArgs, SessionInput, Withdrawal } from './protocol.ts';
import { WHEN_BUSY } from './protocol.ts';

const whenBusy = optional(oneOf(...WHEN_BUSY));

const MESSAGES: Shape<Message[]> = (value, at) => {
  const problem = findOpeningProblem(value);
  return problem === undefined ? undefined : `${at}: ${problem}`;
};

const ARGS = argument(
  'agentSession takes one argument: { agent, context?, whenBusy?, … }',
  closed<SessionArgs>('a session', {
    agent: SHARED_FIELDS.agent,
    context: SHARED_FIELDS.context,
    whenBusy,
    messages: optional(MESSAGES),
    onToolFailure: SHARED_FIELDS.onToolFailure,
    batchTimeout: SHARED_FIELDS.batchTimeout,
    storage: optional(bool),
    limits: SHARED_FIELDS.limits,
    onLimit: SHARED_FIELDS.onLimit,
    stream: SHARED_FIELDS.stream,
  }),
);

const INPUT: Shape<SessionInput> = (value) => findInputProblem(value);

const SEND = argument(
  'send takes one argument: { input, idempotencyKey, … }',
  closed<Send>('send', {
    input: INPUT,
    // The memory compares texts of any kind and says what is wrong with one.
    idempotencyKey: anything as Shape<string>,
    agent: optional(text()),
    whenBusy,
    stream: SHARED_FIELDS.stream,
    calledBy: optional(CALLING_TURN),
  }),
);

const WITHDRAWAL = argument(
  'withdraw takes one argument: { turnId }',
  closed<Withdrawal>('withdraw', { turnId: text() }),
);

const CLOSE = argument(
  'close takes nothing, or one argument: { interrupt }',
  closed<Close>('close', { interrupt: optional(bool) }),
);

/** What is wrong with what a plain client may have sent, or `undefined`. */
export function checkSessionArgs(args: unknown): string | undefined {
  const problem = misfit(ARGS, args, 'the argument of agentSession');
  return problem ?? findReferenceProblem(args as SessionArgs);
}

/**
 * Rejects references that nobody can read. A message with an unreadable image is forgotten with its turn, but
 * what a session begins with stays. So references count here only if the starter says that it has a storage,
 * as Plait's client does.
 */
function findReferenceProblem({ messages, storage }: SessionArgs): string | undefined {
  if (storage === true || storedData(messages).length === 0) return undefined;
  return 'messages refer to data in a storage, and the session is started without `storage: true`: give the data itself';
}

export function checkSend(send: unknown): string | undefined {
  return misfit(SEND, send, 'the argument of send');
}

export function checkWithdrawal(withdrawal: unknown): string | undefined {
  return misfit(WITHDRAWAL, withdrawal, 'the argument of withdraw');
}

/** No argument also closes the session, and clients in other languages write `null` for that. */
export function checkClose(close: unknown): string | undefined {
  return close === undefined || close === null
    ? undefined
    : misfit(CLOSE, close, 'the argument of close');
}
