import type { ToolUse } from '../conversation/messages.ts';
import { toolsetOfKey } from '../conversation/toolsets.ts';
import type { ReachedBudget } from '../turn/budget.ts';
import type { StopReason } from '../turn/stop-reason.ts';
import type { ResultReading } from './background.ts';
import { readingOutcome } from './background.ts';
import type { BatchStop } from './batch-policy.ts';
import type { Blocker } from './order.ts';
import type { ApprovalRecord, SettledCall, ToolOutcome } from './outcome.ts';
import * as texts from './texts.ts';

// Every call of a reply is answered, even if its tool does not run or leaves the call to somebody else. These
// are all the answers that no activity gives: one function for each situation, in the order in which a call
// may get into it.

function answer(outcome: ToolOutcome, now: number): SettledCall {
  return { outcome, attempts: 0, start: now, end: now };
}

/** There is no such tool, or the input is invalid. */
export function answerInvalid(message: string, now: number): SettledCall {
  return answer({ type: 'failed', message }, now);
}

/** A person has denied the call, or nobody has decided; `undefined` if it is approved. */
export function answerUnapproved(
  { decision, reason }: ApprovalRecord,
  timeout: number,
  now: number,
): SettledCall | undefined {
  switch (decision) {
    case 'approved':
      return undefined;
    case 'denied':
      return answer({ type: 'denied', message: texts.deniedText(reason) }, now);
    case 'expired':
      return answer({ type: 'denied', message: texts.expiredText(timeout) }, now);
  }
}

/** It must not run because of how another call ended: the one at the blocker's index. */
export function answerBlocked(
  blocker: Blocker,
  other: { readonly id: string; readonly name: string },
  now: number,
): SettledCall {
  const toolset = toolsetOfKey(blocker.key);
  const message =
    toolset === undefined ? texts.blockedText(blocker, other) : texts.ACTION_SKIPPED[toolset];
  return answer({ type: 'skipped', message }, now);
}

/** Its batch was stopped before it started. */
export function answerNeverStarted(stop: BatchStop, now: number): SettledCall {
  return answer(neverStarted(stop), now);
}

/** Its tool has run, but its batch was stopped while it waited to be completed. */
export function answerStopped(stop: BatchStop, repeatable: boolean, now: number): SettledCall {
  return answer(stopped(stop, repeatable), now);
}

/** Its tool has run, but nobody has completed it in time. */
export function answerNotCompleted(timeout: number, now: number): SettledCall {
  return answer({ type: 'timedOut', message: texts.notCompletedText(timeout) }, now);
}

/** Its server has asked a person, who has not answered in time. */
export function answerUnanswered(server: string, timeout: number, now: number): SettledCall {
  return answer({ type: 'denied', message: texts.unansweredText(server, timeout) }, now);
}

/** Its server asks again and again. */
export function answerAskedTooOften(server: string, times: number, now: number): SettledCall {
  return answer({ type: 'failed', message: texts.asksTooOftenText(server, times) }, now);
}

/** Its tool has run, but somebody has failed it instead of completing it. */
export function answerFailedOutside(message: string, now: number): SettledCall {
  return answer({ type: 'failed', message: texts.fromOutsideText(message) }, now);
}

/** Its tool is an agent, and the turn has no budget left for it. */
export function answerNothingLeft(agent: string, now: number): SettledCall {
  return answer({ type: 'skipped', message: texts.nothingLeftText(agent) }, now);
}

/** It goes on in the background, as its tool says. */
export function answerInBackground(agent: string, callId: string, now: number): SettledCall {
  const content = texts.inBackgroundText(agent, callId);
  return { ...answer({ type: 'succeeded', content }, now), attempts: 1, late: true };
}

/** It goes on in the background, because its batch is out of time. `limit`: that time, in milliseconds. */
export function answerGoesOn(limit: number, callId: string, now: number): SettledCall {
  const content = texts.goesOnText(limit, callId);
  return { ...answer({ type: 'succeeded', content }, now), attempts: 1, late: true };
}

/** Tells the model about a call in the background. */
export function answerReading(id: string, reading: ResultReading, now: number): SettledCall {
  return answer(readingOutcome(id, reading, now), now);
}

/** The reply is the last of the turn, so nobody would read the results. */
export function answersAfterEnd(
  calls: readonly ToolUse[],
  reason: StopReason,
  now: number,
): SettledCall[] {
  const message = texts.afterEndText(reason);
  return calls.map(() => answer({ type: 'skipped', message }, now));
}

/** A budget of the turn is reached. */
export function answersBeyondBudget(
  calls: readonly ToolUse[],
  reached: ReachedBudget,
  now: number,
): SettledCall[] {
  const message = texts.beyondBudgetText(reached.text);
  return calls.map(() => answer({ type: 'skipped', message }, now));
}

/** The turn failed while the calls were open: how they ended is not known. */
export function answersAfterFailure(calls: readonly ToolUse[], now: number): SettledCall[] {
  const message = texts.OPEN_WHEN_THE_TURN_FAILED;
  return calls.map(() => answer({ type: 'unknown', message }, now));
}

/** The answer to a call whose activity was cancelled with its batch: it says why. */
export function endedBy(
  stop: BatchStop | undefined,
  settled: SettledCall,
  repeatable: boolean,
): SettledCall {
  if (settled.outcome.type !== 'cancelled' || stop === undefined) return settled;
  // Between two attempts the server does not report that there was one.
  const outcome = settled.attempts > 0 ? stopped(stop, repeatable) : neverStarted(stop, repeatable);
  return { ...settled, outcome };
}

/** `mayHaveTried`: an earlier attempt may have failed. */
function neverStarted(stop: BatchStop, mayHaveTried = false): ToolOutcome {
  const type = stop.type === 'turn cancelled' ? 'cancelled' : 'skipped';
  return { type, message: texts.neverStartedText(stop, mayHaveTried) };
}

function stopped(stop: BatchStop, repeatable: boolean): ToolOutcome {
  const isTimeout = stop.type === 'batch timeout' || stop.type === 'turn timeout';
  const type = isTimeout ? 'timedOut' : 'cancelled';
  return { type, message: texts.stoppedText(stop, repeatable) };
}
