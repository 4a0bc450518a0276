import {
  attemptReport,
  OUTCOME_UNKNOWN,
  TOOL_NOT_REGISTERED,
  TOOL_TIMED_OUT,
} from '../failures.ts';
import type { ToolOutcome } from './outcome.ts';
import {
  HAD_NOT_BEGUN,
  MAY_HAVE_HAPPENED,
  notStartedText,
  outOfTimeText,
  timedOutText,
  workerLostText,
} from './texts.ts';

// What the end of an activity means for its call. The workflow uses this to answer the model, and the client
// to show the history of a turn.

/** @param failureType the type of the failure that ended it, as the Temporal UI shows it */
export function failureOutcome(
  failureType: string | null | undefined,
): 'failed' | 'timedOut' | 'unknown' {
  if (failureType === OUTCOME_UNKNOWN) return 'unknown';
  return failureType === TOOL_TIMED_OUT ? 'timedOut' : 'failed';
}

/** The SDK's type for an activity that a worker does not have. Tools may throw errors of this name as well. */
export const NOT_FOUND = 'NotFoundError';

/** Whether an attempt failed because its worker does not have the tool; then nothing has begun. */
export function isNotRegistered(failureType: string | null | undefined, details: unknown): boolean {
  if (failureType === TOOL_NOT_REGISTERED) return true;
  return failureType === NOT_FOUND && attemptReport(details) === undefined;
}

/** What an activity was scheduled with, in milliseconds. */
export interface TimeLimits {
  startToCloseTimeout: number;
  heartbeatTimeout: number;
  scheduleToStartTimeout?: number | undefined;
  scheduleToCloseTimeout?: number | undefined;
}

/**
 * @param timeout Temporal's name of the limit that was up
 * @param about.repeatable whether the tool may be called again
 * @param about.begun whether the call bears the mark that its tool has begun
 */
export function timeoutOutcome(
  timeout: string | undefined,
  limits: TimeLimits,
  { repeatable, begun }: { repeatable: boolean; begun: boolean },
): Exclude<ToolOutcome, { type: 'succeeded' }> {
  switch (timeout) {
    case 'START_TO_CLOSE':
      return { type: 'timedOut', message: timedOutText(limits, repeatable) };
    case 'HEARTBEAT': {
      const lost = workerLostText(limits.heartbeatTimeout);
      if (repeatable) return { type: 'timedOut', message: lost };
      // The mark is written before `run` is called, so its absence proves that nothing happened.
      return begun
        ? { type: 'unknown', message: `${lost} ${MAY_HAVE_HAPPENED}` }
        : { type: 'failed', message: `${lost} ${HAD_NOT_BEGUN}` };
    }
    case 'SCHEDULE_TO_START':
      return { type: 'timedOut', message: notStartedText(limits, repeatable) };
    default:
      return { type: 'timedOut', message: outOfTimeText(limits, repeatable) };
  }
}
