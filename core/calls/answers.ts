import type { ToolUse } from '../conversation/messages.ts';
import type { ReachedBudget } from '../turn/budget.ts';
import type { StopReason } from '../turn/stop-reason.ts';
import type { SettledCall, ToolOutcome } from './outcome.ts';
import { MAY_HAVE_HAPPENED } from './texts.ts';

// Every call of a reply is answered, also where its tool does not run. These are the answers: one
// function for each situation, and one that builds the record.

/** A call that is answered where it stands. */
export function answeredWithoutRunning(outcome: ToolOutcome, now: number): SettledCall {
  return { outcome, attempts: 0, start: now, end: now };
}

/** The reply is the turn's last, so nobody would read the results. */
export function answersAfterEnd(
  calls: readonly ToolUse[],
  reason: StopReason,
  now: number,
): SettledCall[] {
  const message = `Not executed: the turn ended before this call (${reason}).`;
  return calls.map(() => answeredWithoutRunning({ type: 'skipped', message }, now));
}

/** A budget of the turn is reached. */
export function answersBeyondBudget(
  calls: readonly ToolUse[],
  { text }: ReachedBudget,
  now: number,
): SettledCall[] {
  const message = `Not executed: ${text}.`;
  return calls.map(() => answeredWithoutRunning({ type: 'skipped', message }, now));
}

/** The turn failed while the calls were open: nobody knows how they ended. */
export function answersAfterFailure(calls: readonly ToolUse[], now: number): SettledCall[] {
  const message = `The turn failed before this call was answered. ${MAY_HAVE_HAPPENED}`;
  return calls.map(() => answeredWithoutRunning({ type: 'unknown', message }, now));
}
