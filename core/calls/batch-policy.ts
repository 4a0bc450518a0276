import { turnTimeLimit } from '../turn/budget.ts';
import { shorten } from '../json.ts';
import type { SettledCall, ToolOutcome } from './outcome.ts';
import { MAY_HAVE_HAPPENED, duration } from './texts.ts';

/**
 * What one failing call does to the other calls of its reply.
 *
 * - `report`: nothing; the model reads mixed results
 * - `cancelSiblings`: the first failure cancels what still runs, and what has not started never does
 * - `failTurn`: the others finish, then the turn ends with stop reason `tool_failure`
 *
 * A failure is a call that failed, timed out or ended in a way nobody knows; not one that a person
 * denied.
 */
export type OnToolFailure = 'report' | 'cancelSiblings' | 'failTurn';

export const ON_TOOL_FAILURE = ['report', 'cancelSiblings', 'failTurn'] as const;

/** How the calls of one reply are treated together. */
export interface BatchPolicy {
  onToolFailure: OnToolFailure;
  /**
   * Limit for all calls of one reply together, in milliseconds. What runs then is cancelled and
   * answered as timed out, what has not started never does.
   */
  batchTimeout?: number;
}

/** Why the calls of a reply were stopped before all of them had ended. */
export type BatchStop =
  | { type: 'turn cancelled' }
  | { type: 'batch timeout'; milliseconds: number }
  | { type: 'turn timeout'; milliseconds: number }
  | { type: 'sibling failed'; callId: string; tool: string; message: string };

export function isFailure(outcome: ToolOutcome): outcome is Failure {
  const { type } = outcome;
  return type === 'failed' || type === 'timedOut' || type === 'unknown';
}

type Failure = ToolOutcome & { type: 'failed' | 'timedOut' | 'unknown' };

/** The first call that failed, for a turn that ends because of it. */
export function findFailure(settled: readonly SettledCall[]): number | undefined {
  const index = settled.findIndex(({ outcome }) => isFailure(outcome));
  return index === -1 ? undefined : index;
}

/**
 * The answer to a call that did not run when its batch was stopped. `mayHaveTried`: an earlier
 * attempt may have failed.
 */
export function neverStarted(stop: BatchStop, mayHaveTried = false): ToolOutcome {
  switch (stop.type) {
    case 'turn cancelled':
      return { type: 'cancelled', message: 'The call was cancelled.' };
    case 'batch timeout':
    case 'turn timeout':
      return {
        type: 'skipped',
        message: `Not executed: ${timeLimit(stop)} was up ${
          mayHaveTried ? 'while this call waited to run' : 'before this call started'
        }.`,
      };
    case 'sibling failed':
      return { type: 'skipped', message: `Not executed, because ${failure(stop)}` };
  }
}

/** The answer to a call that was running when its batch was stopped. */
export function stopped(stop: BatchStop, repeatable: boolean): ToolOutcome {
  const caveat = repeatable ? '' : ` ${MAY_HAVE_HAPPENED}`;
  switch (stop.type) {
    case 'turn cancelled':
      return {
        type: 'cancelled',
        message: repeatable
          ? 'The call was cancelled.'
          : `The call was cancelled while it ran.${caveat}`,
      };
    case 'batch timeout':
    case 'turn timeout':
      return {
        type: 'timedOut',
        message: `Timed out: ${timeLimit(stop)} was up while this call ran.${caveat}`,
      };
    case 'sibling failed':
      return {
        type: 'cancelled',
        message: `The call was cancelled while it ran, because ${failure(stop)}${caveat}`,
      };
  }
}

/** How a call ended that may have been cancelled because its batch was stopped: it is told by what. */
export function endedBy(
  stop: BatchStop | undefined,
  settled: SettledCall,
  repeatable: boolean,
): SettledCall {
  if (settled.outcome.type !== 'cancelled' || stop === undefined) return settled;
  if (settled.attempts > 0) return { ...settled, outcome: stopped(stop, repeatable) };
  // Between two attempts the server does not say that there was one.
  return { ...settled, outcome: neverStarted(stop, repeatable) };
}

type OutOfTime = Extract<BatchStop, { milliseconds: number }>;

function timeLimit({ type, milliseconds }: OutOfTime): string {
  return type === 'turn timeout'
    ? turnTimeLimit(milliseconds)
    : `the time limit of ${duration(milliseconds)} for all calls of this reply (batchTimeout)`;
}

/** Which limit of time is up first for calls that start now, and in how many milliseconds. */
export function firstTimeout(
  { batchTimeout }: BatchPolicy,
  turn: { limit: number; left: number } | undefined,
): { after: number; stop: OutOfTime } | undefined {
  if (turn !== undefined && (batchTimeout === undefined || turn.left < batchTimeout)) {
    return { after: turn.left, stop: { type: 'turn timeout', milliseconds: turn.limit } };
  }
  return batchTimeout === undefined
    ? undefined
    : { after: batchTimeout, stop: { type: 'batch timeout', milliseconds: batchTimeout } };
}

/** The whole message stands in the answer to the other call, and this one is told to each sibling. */
const MAX_REASON = 500;

function failure({ tool, callId, message }: BatchStop & { type: 'sibling failed' }): string {
  const reason = shorten(message, MAX_REASON);
  return `${tool} (${callId}) failed: ${/[.…]$/.test(reason) ? reason : `${reason}.`}`;
}
