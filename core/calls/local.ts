import type { LocalActivityOptions } from '@temporalio/common';
import { defined } from '../json.ts';
import type { Losses } from './lost-attempts.ts';
import { NO_LOSSES, policyAfterLoss } from './lost-attempts.ts';
import type { EarlierAttempts } from './tool-call.ts';
import type { ToolPolicy } from './tool-policy.ts';
import { MAX_LOCAL_TIME } from './tool-policy.ts';

// Calls of tools with `execution: 'local'` run as local activities: within the workflow task, in the worker
// that has it. The task stays open meanwhile, and the turn hears nothing from outside. So all of it must be
// over before the worker has to tell the server that it still has the task, after 8 of its 10 seconds.

/** A call that cannot start within this time after its batch, in milliseconds, is an ordinary activity. */
const START_WITHIN = 2_000;

/** How much later than the attempt itself the SDK's worker ends it, in milliseconds. */
const LATER = 1_000;

/** How long the local calls of a batch can last in all, in milliseconds. */
const LONGEST_PHASE = START_WITHIN + MAX_LOCAL_TIME + LATER;

/** A call that can run, as far as it decides how its batch runs. */
interface LocalCandidate {
  policy: Pick<ToolPolicy, 'execution'>;
  /** Whether a person has to decide about it. */
  asked: boolean;
}

/**
 * Whether a batch runs locally: only where all of its calls may, so that no ordinary call waits for a local
 * one. No timer fires meanwhile, so a batch with less time than it may take does not.
 *
 * @param time that the batch has, in milliseconds, where it is limited
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

/** When a local attempt of this tool ends itself, in milliseconds. */
export function localTime({ startToCloseTimeout, scheduleToCloseTimeout }: ToolPolicy): number {
  return Math.min(startToCloseTimeout, scheduleToCloseTimeout ?? MAX_LOCAL_TIME, MAX_LOCAL_TIME);
}

/** The options under which the local attempt of a call is scheduled. */
export function localOptions(policy: ToolPolicy): LocalActivityOptions {
  return {
    // For a tool that ignores its signal.
    startToCloseTimeout: localTime(policy) + LATER,
    scheduleToStartTimeout: START_WITHIN,
    // Another attempt is an ordinary activity.
    retry: { maximumAttempts: 1 },
    cancellationType: 'WAIT_CANCELLATION_COMPLETED',
  };
}

/** How the local attempt of a call ended, unless it succeeded or was cancelled. */
export type LocalEnd =
  /** Its tool has not been called: the worker does not have it, had no slot in time, or lost the task before. */
  | { type: 'not run' }
  /** No fault of the tool: there is no room for what it returned, or the worker shut down. */
  | { type: 'no room' }
  | { type: 'shutdown'; details: unknown }
  /** `retryDelay` is what the error asked for, in milliseconds. */
  | { type: 'failed'; isFinal: boolean; retryDelay: number | undefined; details: unknown };

/** What comes after a local attempt. */
type AfterLocal =
  | {
      type: 'goes on';
      earlier?: EarlierAttempts;
      losses: Losses;
      /** For what is left of the call. */
      policy: ToolPolicy;
      /** How long to wait before, in milliseconds. */
      delay: number;
    }
  /** `outOfTime`: there would be another attempt if there were time. */
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

/** The first wait is over. */
function withNextWait(policy: ToolPolicy): ToolPolicy {
  const { retry } = policy;
  const next = retry.initialInterval * retry.backoffCoefficient;
  const initialInterval = Math.min(next, retry.maximumInterval);
  return { ...policy, retry: { ...retry, initialInterval } };
}

/** The tools whose calls may run locally, for those who follow a turn. */
export function localTools(policies: readonly (readonly [string, ToolPolicy])[]): string[] {
  return policies.flatMap(([tool, { execution }]) => (execution === 'local' ? tool : []));
}
