import type { AttemptReport, HeartbeatRecord } from '../core/failures.ts';
import { OUTCOME_UNKNOWN, TOOL_TIMED_OUT } from '../core/failures.ts';
import { isRecord } from '../core/json.ts';
import type { OutcomeType } from '../core/outcome.ts';
import {
  afterAttempts,
  MAY_HAVE_HAPPENED,
  notTakenText,
  outOfTimeText,
  timedOutText,
  workerLostText,
} from '../core/outcome-text.ts';
import type { Ending, ScheduledLimits } from './turn-events.ts';

/** How a model request or a tool call ended. */
export interface EndedStep {
  state: OutcomeType;
  message?: string;
  /** The attempt's own word on its number and times, where it could still give one. */
  report?: AttemptReport;
}

/** `attempt` is the last one that history tells of. */
export function endedStep(ending: Ending, limits: ScheduledLimits, attempt: number): EndedStep {
  switch (ending.type) {
    case 'completed':
      return { state: 'succeeded', ...reportIn(ending.result) };
    case 'cancelled':
      return { state: 'cancelled', ...reportIn(ending.details?.[0]) };
    case 'failed': {
      const message = ending.message + afterAttempts(attempt);
      return { state: failedState(ending.failureType), message, ...reportIn(ending.details?.[0]) };
    }
    default:
      return timedOut(ending, limits, attempt);
  }
}

function failedState(failureType: string | undefined): OutcomeType {
  if (failureType === OUTCOME_UNKNOWN) return 'unknown';
  return failureType === TOOL_TIMED_OUT ? 'timedOut' : 'failed';
}

function timedOut(
  { timeout, heartbeat }: Extract<Ending, { type: 'timedOut' }>,
  limits: ScheduledLimits,
  attempt: number,
): EndedStep {
  // Only a tool that is not safe to repeat is scheduled with this; see core/tool-policy.ts.
  const repeatable = !limits.nonRetryableErrorTypes.includes('TemporalTimeout:Heartbeat');
  const after = repeatable ? afterAttempts(attempt) : '';
  switch (timeout) {
    case 'START_TO_CLOSE': {
      const text = timedOutText(limits, repeatable);
      return { state: 'timedOut', message: text + after };
    }
    case 'HEARTBEAT': {
      const lost = workerLostText(limits.heartbeatTimeout);
      if (repeatable) return { state: 'timedOut', message: lost + after };
      return begun(heartbeat)
        ? { state: 'unknown', message: `${lost} ${MAY_HAVE_HAPPENED}` }
        : { state: 'failed', message: lost };
    }
    case 'SCHEDULE_TO_START':
      return { state: 'timedOut', message: notTakenText(limits, repeatable) };
    default:
      return { state: 'timedOut', message: outOfTimeText(limits, repeatable) + after };
  }
}

function reportIn(value: unknown): { report?: AttemptReport } {
  return isRecord(value) &&
    typeof value['attempt'] === 'number' &&
    typeof value['startedAt'] === 'number' &&
    typeof value['endedAt'] === 'number'
    ? { report: value as unknown as AttemptReport }
    : {};
}

function begun(heartbeat: unknown): boolean {
  const record: Partial<HeartbeatRecord> = isRecord(heartbeat) ? heartbeat : {};
  return record.begun === true;
}
