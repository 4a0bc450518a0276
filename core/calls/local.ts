import type { LocalActivityOptions } from '@temporalio/common';
import { defined } from '../json.ts';
import type { Losses } from './lost-attempts.ts';
import { NO_LOSSES, policyAfterLoss } from './lost-attempts.ts';
import type { EarlierAttempts } from './tool-call.ts';
import type { ToolPolicy } from './tool-policy.ts';
import { MAX_LOCAL_TIME } from './tool-policy.ts';

// Calls of tools with `execution: 'local'` run as local activities: within the workflow task, in the worker
// that has it. The task stays open meanwhile, and the turn receives nothing from outside. So all of them must
// end before the worker has to renew the task, after 8 of its 10 seconds.

/** A call that cannot start within this time after its batch, in milliseconds, becomes an ordinary activity. */
const START_WITHIN = 2_000;

/** How much later than the attempt's own limit the SDK's worker ends it, in milliseconds. */
const LATER = 1_000;

/** How long the local calls of a batch can last in all, in milliseconds. */
const LONGEST_PHASE = START_WITHIN + MAX_LOCAL_TIME + LATER;

/** What about a call decides whether its batch runs locally. */
interface LocalCandidate {
  policy: Pick<ToolPolicy, 'execution'>;
  /** Whether a person has to decide about it. */
  asked: boolean;
}

/**
 * Whether a batch runs locally: only if all of its calls may, so that no ordinary call waits for a local one.
 * No timer fires meanwhile, so the batch must have more time than it can take.
 *
 * @param time the time limit of the batch, in milliseconds, if there is one
 */
export function runsLocally(calls: readonly LocalCandidate[], time: number | undefined): boolean {
  if (time !== undefined && time < LONGEST_PHASE) return false;
  return (
    calls.length > 0 && calls.every(({ policy, asked }) => policy.execution === 'local' && !asked)
  );
}

/** @param sinceBatch in milliseconds */
export function mayStartLocally(sinceBatch: number): boolean {
  return sinceBatch <= START_WITHIN;
}

/** After how many milliseconds a local attempt of this tool ends itself. */
export function localTime({ startToCloseTimeout, scheduleToCloseTimeout }: ToolPolicy): number {
  return Math.min(startToCloseTimeout, scheduleToCloseTimeout ?? MAX_LOCAL_TIME, MAX_LOCAL_TIME);
}

/** The options under which the local attempt of a call is scheduled. */
export function localOptions(policy: ToolPolicy): LocalActivityOptions {
  return {
    // For a tool that ignores its signal.
    startToCloseTimeout: localTime(policy) + LATER,
    scheduleToStartTimeout: START_WITHIN,
    // A second attempt is an ordinary activity.
    retry: { maximumAttempts: 1 },
    cancellationType: 'WAIT_CANCELLATION_COMPLETED',
  };
}

/** How the local attempt of a call ended, unless it succeeded or was cancelled. */
export type LocalEnd =
  /** Its tool was not called: the worker lacks it, had no slot in time, or lost the workflow task before. */
  | { type: 'not run' }
  /** Not the tool's fault: there is no room for what it returned, or the worker shut down. */
  | { type: 'no room' }
  | { type: 'shutdown'; details: unknown }
  /** `retryDelay` is the delay that the error asked for, in milliseconds. */
  | { type: 'failed'; isFinal: boolean; retryDelay: number | undefined; details: unknown };

/** What comes after a local attempt. */
type AfterLocal =
  | {
      type: 'goes on';
      earlier?: EarlierAttempts;
      losses: Losses;
      /** For the rest of the call. */
      policy: ToolPolicy;
      /** How long to wait before, in milliseconds. */
      delay: number;
    }
  /** `outOfTime`: another attempt would follow if there were time. */
  | { type: 'ended'; outOfTime: boolean };

/**
 * Whether a call goes on as an ordinary activity, as it would with its next attempt.
 *
 * @param elapsed since it was scheduled, in milliseconds
 */
export function afterLocal(policy: ToolPolicy, end: LocalEnd, elapsed: number): AfterLocal {
  const { earlier, losses, delay, isFinal } = spent(policy, end);
  if (isFinal) return { type: 'ended', outOfTime: false };
  const failures = earlier?.failures ?? 0;
  const left = policyAfterLoss(policy, { failures, elapsed: elapsed + delay });
  if (left === undefined) return { type: 'ended', outOfTime: failures > 0 };
  const next = failures === 0 ? left : withNextWait(left);
  return { type: 'goes on', ...defined({ earlier }), losses, policy: next, delay };
}

interface Spent {
  earlier?: EarlierAttempts;
  losses: Losses;
  delay: number;
  isFinal: boolean;
}

function spent({ retry }: ToolPolicy, end: LocalEnd): Spent {
  switch (end.type) {
    case 'not run':
      return { losses: NO_LOSSES, delay: 0, isFinal: false };
    case 'no room':
      return { earlier: attempt(0, undefined), losses: NO_LOSSES, delay: 0, isFinal: false };
    case 'shutdown': {
      const losses = { ...NO_LOSSES, shutdown: 1 };
      return { earlier: attempt(0, end.details), losses, delay: 0, isFinal: false };
    }
    case 'failed': {
      const { isFinal, retryDelay: delay = retry.initialInterval } = end;
      return { earlier: attempt(1, end.details), losses: NO_LOSSES, delay, isFinal };
    }
  }
}

function attempt(failures: number, details: unknown): EarlierAttempts {
  return { attempts: 1, failures, ...defined({ details }) };
}

/** With the first wait left out, since it is over. */
function withNextWait(policy: ToolPolicy): ToolPolicy {
  const { retry } = policy;
  const next = retry.initialInterval * retry.backoffCoefficient;
  const initialInterval = Math.min(next, retry.maximumInterval);
  return { ...policy, retry: { ...retry, initialInterval } };
}

/** The tools whose calls may run locally, for clients that follow a turn. */
export function localTools(policies: readonly (readonly [string, ToolPolicy])[]): string[] {
  return policies.flatMap(([tool, { execution }]) => (execution === 'local' ? tool : []));
}
