import { failureOutcome, timeoutOutcome } from '../../core/calls/ending.ts';
import type { AttemptReport } from '../../core/failures.ts';
import { heartbeatRecord } from '../../core/failures.ts';
import { isRecord } from '../../core/json.ts';
import type { OutcomeType } from '../../core/calls/outcome.ts';
import { afterAttempts } from '../../core/calls/texts.ts';
import type { Ending, ScheduledLimits } from './events.ts';

/** How a model request or a tool call ended. */
export interface EndedActivity {
  state: OutcomeType;
  message?: string;
  /** The attempt's own word on its number and times, where it could still give one. */
  report?: AttemptReport;
}

/** `attempt` is the last one that history tells of. */
export function endedActivity(
  ending: Ending,
  limits: ScheduledLimits,
  attempt: number,
): EndedActivity {
  switch (ending.type) {
    case 'completed':
      return { state: 'succeeded', ...reportIn(ending.result) };
    case 'cancelled':
      return { state: 'cancelled', ...reportIn(ending.details?.[0]) };
    case 'failed': {
      const message = ending.message + afterAttempts(attempt);
      return {
        state: failureOutcome(ending.failureType),
        message,
        ...reportIn(ending.details?.[0]),
      };
    }
    default:
      return timedOut(ending, limits, attempt);
  }
}

function timedOut(
  { timeout, heartbeat }: Extract<Ending, { type: 'timedOut' }>,
  limits: ScheduledLimits,
  attempt: number,
): EndedActivity {
  // Only a tool that is not safe to repeat is scheduled with this; see core/tool-policy.ts.
  const repeatable = !limits.nonRetryableErrorTypes.includes('TemporalTimeout:Heartbeat');
  const begun = heartbeatRecord(heartbeat) !== undefined;
  const { type, message } = timeoutOutcome(timeout, limits, { repeatable, begun });
  // An attempt that nobody took is none.
  const counts = repeatable && timeout !== 'SCHEDULE_TO_START';
  return { state: type, message: counts ? message + afterAttempts(attempt) : message };
}

function reportIn(value: unknown): { report?: AttemptReport } {
  return isRecord(value) &&
    typeof value['attempt'] === 'number' &&
    typeof value['startedAt'] === 'number' &&
    typeof value['endedAt'] === 'number'
    ? { report: value as unknown as AttemptReport }
    : {};
}
