import type { Client } from '@temporalio/client';
import type { SearchAttributePair } from '@temporalio/common';
import { msToNumber } from '@temporalio/common/lib/time.js';
import type { Duration } from '../agents/check-options.ts';
import type { Agent } from '../agents/define-agent.ts';
import type { Budget } from '../core/turn/budget.ts';
import {
  given,
  jsonProblem,
  optionalTextProblem,
  recordProblem,
  rejectIf,
} from '../core/arguments.ts';
import { DURATION, isDuration } from '../core/duration.ts';
import { causeChain } from '../core/failures.ts';
import type { EveryField } from '../core/json.ts';
import { defined, isRecord, jsonBytes } from '../core/json.ts';
import type { Message } from '../core/conversation/messages.ts';
import { sessionAttributes, turnAttributes, userProblem } from '../core/search-attributes.ts';
import { checkSessionArgs } from '../core/session/input.ts';
import type { SessionArgs } from '../core/session/protocol.ts';
import { InvalidTurnError, openingMessages } from '../core/turn/input.ts';
import type { SharedArgs, TurnArgs, TurnInput } from '../core/turn/input.ts';
import { MAX_RESULT_BYTES } from '../core/turn/payload-room.ts';
import { digestOf } from './digest.ts';
import { InvalidSessionError } from './errors.ts';
import type { OpenSessionOptions, StartTurnOptions, TurnLimitOptions } from './options.ts';
import { outputSchema } from './parse-output.ts';

// Turns what a caller gives into the arguments of a workflow. Pure.

/** Throws an `InvalidTurnError` for arguments that a worker would reject. */
export function turnArgs(
  agent: Agent | string,
  input: TurnInput,
  options: StartTurnOptions,
): TurnArgs {
  rejectIf(InvalidTurnError, recordProblem('options', options));
  const { output, turnId, taskQueue } = options;
  rejectIf(
    InvalidTurnError,
    optionalTextProblem('turnId', turnId),
    optionalTextProblem('taskQueue', taskQueue),
    jsonProblem('input', input),
  );
  const args: TurnArgs = {
    agent: nameOf(agent, InvalidTurnError),
    input,
    ...shared(options, InvalidTurnError),
    ...defined({ output: output === undefined ? undefined : outputSchema(output) }),
  };
  const problem = priceProblem(agent, args.limits);
  if (problem !== undefined) throw new InvalidTurnError(problem);
  openingMessages(args);
  return args;
}

/** Throws an `InvalidSessionError` for arguments that a worker would reject. */
export function sessionArgs(
  agent: Agent | string,
  options: OpenSessionOptions,
  messages: Message[] = [],
): SessionArgs {
  rejectIf(InvalidSessionError, recordProblem('options', options));
  const { whenBusy, taskQueue } = options;
  rejectIf(InvalidSessionError, optionalTextProblem('taskQueue', taskQueue));
  const args: SessionArgs = {
    agent: nameOf(agent, InvalidSessionError),
    ...shared(options, InvalidSessionError),
    ...defined({ whenBusy, messages: messages.length === 0 ? undefined : messages }),
  };
  const problem =
    jsonProblem('the options of a session', args) ??
    checkSessionArgs(args) ??
    priceProblem(agent, args.limits);
  if (problem !== undefined) throw new InvalidSessionError(problem);
  return args;
}

export function nameOf(agent: Agent | string, Invalid: InvalidError): string {
  const name: unknown = isRecord(agent) ? agent['name'] : agent;
  if (typeof name === 'string' && name !== '') return name;
  throw new Invalid(`agent must be an agent or the name of an agent; got ${given(agent)}`);
}

/** The arguments that turns and sessions share. */
function shared(
  {
    context,
    onToolFailure,
    batchTimeout,
    limits,
    onLimit,
    stream,
  }: StartTurnOptions & OpenSessionOptions,
  Invalid: InvalidError,
) {
  rejectIf(Invalid, jsonProblem('context', context));
  const timeout = milliseconds('batchTimeout', batchTimeout, Invalid);
  const budget = budgetOf(limits, Invalid);
  const args: EveryField<Omit<SharedArgs, 'agent'>> = {
    context,
    onToolFailure,
    batchTimeout: timeout,
    limits: budget,
    onLimit,
    stream,
  };
  return defined(args);
}

/** The error for wrong options: of a turn, or of a session. */
type InvalidError = typeof InvalidTurnError | typeof InvalidSessionError;

/** Throws an `InvalidTurnError` for a `user` that no list could find. */
export function attributesOfTurn(agent: string, user: string | undefined): SearchAttributePair[] {
  return turnAttributes({ agent, user: checkedUser(user, InvalidTurnError) });
}

/** Throws an `InvalidSessionError` for a `user` that no list could find. */
export function attributesOfSession(
  agent: string,
  user: string | undefined,
): SearchAttributePair[] {
  return sessionAttributes({ agent, user: checkedUser(user, InvalidSessionError) });
}

function checkedUser(user: string | undefined, Invalid: InvalidError): string | undefined {
  const problem = user === undefined ? undefined : userProblem(user);
  if (problem !== undefined) throw new Invalid(`user ${problem}`);
  return user;
}

/** Depends on what identifies a turn, and not on how it is followed. */
export function turnDigest(started: unknown): string {
  const args = withoutStream(started);
  rejectIf(InvalidTurnError, jsonProblem('input and context', args));
  try {
    return digestOf(args);
  } catch (error) {
    throw new InvalidTurnError(`input and context must be JSON: ${causeChain(error)}`, {
      cause: error,
    });
  }
}

function withoutStream(started: unknown): unknown {
  if (!isRecord(started)) return started;
  const { stream: _, ...args } = started;
  return args;
}

/**
 * Why these arguments cannot be sent, or `undefined`. Without a storage, the server takes at most 2 MB; it
 * would reject more only after the client has retried for half a minute.
 */
export function sizeProblem(client: Client, args: object): string | undefined {
  if (client.options.loadedDataConverter.externalStorage !== undefined) return undefined;
  const bytes = jsonBytes(args);
  if (bytes <= MAX_RESULT_BYTES) return undefined;
  const sizes = Object.entries(args).map(([name, value]) => ({ name, bytes: jsonBytes(value) }));
  const [largest] = sizes.toSorted((a, b) => b.bytes - a.bytes);
  return `${largest?.name} has ${largest?.bytes} bytes, and without a \`storage\` at most ${MAX_RESULT_BYTES} fit (${bytes} with everything beside it). Give the client and the workers a \`storage\`, or send less`;
}

/** If only the agent's name is known, the worker checks this when the turn begins. */
function priceProblem(agent: Agent | string, limits: Budget | undefined): string | undefined {
  if (limits?.costUSD === undefined || typeof agent === 'string') return undefined;
  if (agent.prices !== undefined) return undefined;
  return `limits.costUSD needs prices, and the agent ${agent.name} declares none`;
}

function budgetOf(limits: TurnLimitOptions | undefined, Invalid: InvalidError): Budget | undefined {
  if (limits === undefined) return undefined;
  rejectIf(Invalid, recordProblem('limits', limits));
  const { wallTime: given, ...others } = limits;
  const wallTime = milliseconds('limits.wallTime', given, Invalid);
  const counts = Object.entries(others).filter(([, limit]) => limit !== undefined);
  return { ...Object.fromEntries(counts), ...defined({ wallTime }) };
}

export function milliseconds(
  option: string,
  duration: Duration | undefined,
  Invalid: InvalidError,
): number | undefined {
  if (duration === undefined) return undefined;
  const parsed = toMilliseconds(duration);
  // A limit may be 0: nothing is left of that budget.
  if (isDuration(parsed) || (parsed === 0 && option.startsWith('limits.'))) return parsed;
  throw new Invalid(`${option} must be ${DURATION}; got ${given(duration)}`);
}

function toMilliseconds(duration: Duration): number | undefined {
  try {
    return msToNumber(duration as Parameters<typeof msToNumber>[0]);
  } catch {
    return undefined;
  }
}
