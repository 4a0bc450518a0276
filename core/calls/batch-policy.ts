import { membersOf } from '../json.ts';
import type { FailureType, SettledCall, ToolOutcome } from './outcome.ts';
import { OUTCOMES } from './outcome.ts';

/**
 * What one failing call does to the other calls of its reply.
 *
 * - `report`: nothing; the model reads mixed results
 * - `cancelSiblings`: the first failure cancels what still runs, and what has not started never starts
 * - `failTurn`: the others finish, then the turn ends with stop reason `tool_failure`
 *
 * A failure is a call that failed, timed out or whose outcome is unknown; not one that a person denied.
 */
export type OnToolFailure = 'report' | 'cancelSiblings' | 'failTurn';

export const ON_TOOL_FAILURE = membersOf<OnToolFailure>({
  report: true,
  cancelSiblings: true,
  failTurn: true,
});

/** How the calls of one reply are treated together. A turn or a session may be started with other values. */
export interface BatchPolicy {
  onToolFailure: OnToolFailure;
  /**
   * Limit for all calls of one reply together, in milliseconds. What runs then is cancelled and
   * answered as timed out; what has not started never starts.
   */
  batchTimeout?: number;
}

/** Why the calls of a reply were stopped before all of them had ended. */
export type BatchStop =
  | { type: 'turn cancelled' }
  | { type: 'batch timeout'; milliseconds: number }
  | { type: 'turn timeout'; milliseconds: number }
  | { type: 'sibling failed'; callId: string; tool: string; message: string };

export function isFailure(outcome: ToolOutcome): outcome is ToolOutcome & { type: FailureType } {
  return OUTCOMES[outcome.type].isFailure;
}

/** The index of the first call that failed, for a turn that ends because of it. */
export function findFailure(settled: readonly SettledCall[]): number | undefined {
  const index = settled.findIndex(({ outcome }) => isFailure(outcome));
  return index === -1 ? undefined : index;
}

type OutOfTime = Extract<BatchStop, { milliseconds: number }>;

/** The time limit that is reached first by calls that start now, and in how many milliseconds. */
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
