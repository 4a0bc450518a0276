import type { SearchAttributePair } from '@temporalio/common';
import { msToNumber } from '@temporalio/common/lib/time.js';
import type { Duration } from '../agents/check-options.ts';
import type { Agent } from '../agents/define-agent.ts';
import type { Budget } from '../core/budget.ts';
import { causeChain } from '../core/failures.ts';
import { shorten } from '../core/json.ts';
import type { Message } from '../core/messages.ts';
import { sessionAttributes, userProblem } from '../core/search-attributes.ts';
import { checkSessionArgs } from '../core/session-input.ts';
import type { SessionArgs } from '../core/session.ts';
import { InvalidTurnError } from '../core/turn-input.ts';
import type { TurnInput } from '../core/turn.ts';
import { digestOf } from './digest.ts';
import { InvalidSessionError } from './errors.ts';
import type { SessionOptions, TurnLimitOptions } from './start-options.ts';

// What a workflow is started with, made of what a caller gives.

export function sessionArgs(
  agent: Agent | string,
  {
    context,
    whenBusy,
    onToolFailure,
    batchTimeout: given,
    limits: budget,
    onLimit,
  }: SessionOptions,
  messages: Message[] = [],
): SessionArgs {
  const batchTimeout = milliseconds('batchTimeout', given);
  const limits = budgetOf(budget);
  const args: SessionArgs = {
    agent: typeof agent === 'string' ? agent : agent.name,
    ...(context === undefined ? {} : { context }),
    ...(whenBusy === undefined ? {} : { whenBusy }),
    ...(onToolFailure === undefined ? {} : { onToolFailure }),
    ...(batchTimeout === undefined ? {} : { batchTimeout }),
    ...(limits === undefined ? {} : { limits }),
    ...(onLimit === undefined ? {} : { onLimit }),
    ...(messages.length === 0 ? {} : { messages }),
  };
  const problem = checkSessionArgs(args) ?? priceProblem(agent, limits);
  if (problem !== undefined) throw new InvalidSessionError(problem);
  return args;
}

export function attributesOf(agent: string, user: string | undefined): SearchAttributePair[] {
  const problem = user === undefined ? undefined : userProblem(user);
  if (problem !== undefined) throw new InvalidSessionError(`user ${problem}`);
  return sessionAttributes({ agent, user });
}

export function turnDigest(args: unknown): string {
  try {
    return digestOf(args);
  } catch (error) {
    throw new InvalidTurnError(`input and context must be JSON: ${causeChain(error)}`, {
      cause: error,
    });
  }
}

/** An agent that is known only by its name is asked when its turn begins. */
export function priceProblem(
  agent: Agent | string,
  limits: Budget | undefined,
): string | undefined {
  if (limits?.costUSD === undefined || typeof agent === 'string') return undefined;
  if (agent.prices !== undefined) return undefined;
  return `limits.costUSD needs prices, and the agent ${agent.name} declares none`;
}

export function budgetOf(limits: TurnLimitOptions | undefined): Budget | undefined {
  if (limits === undefined) return undefined;
  const { wallTime: given, ...others } = limits;
  const wallTime = milliseconds('limits.wallTime', given);
  const counts = Object.entries(others).filter(([, limit]) => limit !== undefined);
  return { ...Object.fromEntries(counts), ...(wallTime === undefined ? {} : { wallTime }) };
}

export function milliseconds(option: string, given: Duration | undefined): number | undefined {
  if (given === undefined) return undefined;
  try {
    return msToNumber(given as Parameters<typeof msToNumber>[0]);
  } catch {
    throw new InvalidTurnError(
      `${option}: ${JSON.stringify(given)} is not a duration; write milliseconds, or a text like '30s'`,
    );
  }
}

/** The line beside the turn in the Temporal UI, which shows 200 characters at most. */
export function summaryOf(agent: string, input: TurnInput): string {
  const text = typeof input === 'string' ? input : `${input.length} parts`;
  return shorten(`${agent}: ${text.replaceAll(/\s+/g, ' ')}`, 200);
}
