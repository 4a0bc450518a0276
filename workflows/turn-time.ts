import {
  ActivityFailure,
  ApplicationFailure,
  TimeoutFailure,
  workflowInfo,
} from '@temporalio/workflow';
import { TIME_IS_UP } from '../core/failures.ts';
import { CALL_MODEL } from '../core/names.ts';

/** When this run of the turn began; of a turn that has not gone on in another, the turn itself. */
export function begunAt(): number {
  return workflowInfo().startTime.getTime();
}

/** The time that the turn had, where a model call was given up because it was over. */
export function timeThatIsUp(error: unknown, wallTime: number | undefined): number | undefined {
  if (!(error instanceof ActivityFailure) || error.activityType !== CALL_MODEL) return undefined;
  const { cause, retryState } = error;
  if (cause instanceof ApplicationFailure && cause.type === TIME_IS_UP) {
    return cause.details?.[0] as number;
  }
  // With too little time left for another attempt the last one's failure comes at once.
  const over =
    retryState === 'TIMEOUT' ||
    (cause instanceof TimeoutFailure && cause.timeoutType === 'SCHEDULE_TO_CLOSE');
  return over ? wallTime : undefined;
}
