import {
  ActivityFailure,
  ApplicationFailure,
  CancelledFailure,
  isCancellation,
  rootCause,
  TimeoutFailure,
} from '@temporalio/workflow';
import type { LocalEnd } from '../../core/calls/local.ts';
import type { Loss } from '../../core/calls/lost-attempts.ts';
import {
  failureOutcome,
  isNotRegistered,
  NOT_FOUND,
  timeoutOutcome,
} from '../../core/calls/ending.ts';
import type { SettledCall, ToolOutcome } from '../../core/calls/outcome.ts';
import {
  afterAttempts,
  beforeText,
  CANCELLED,
  CANCELLED_WHILE_RUNNING,
  COMPLETED_WITHOUT_RESULT,
  NO_TIME_LEFT,
  noWorkerText,
  unreadableResultText,
} from '../../core/calls/texts.ts';
import type { CallQuestions } from '../../core/calls/question.ts';
import type { EarlierAttempts, ToolReturn } from '../../core/calls/tool-call.ts';
import { readToolReturn } from '../../core/calls/tool-call.ts';
import type { ToolPolicy } from '../../core/calls/tool-policy.ts';
import type { AttemptReport } from '../../core/failures.ts';
import {
  AGENT_NOT_REGISTERED,
  attemptReport,
  heartbeatRecord,
  NO_LOCAL_ROOM,
  TASK_LOST,
  WORKER_SHUTDOWN,
} from '../../core/failures.ts';
import { defined } from '../../core/json.ts';
import { Unreadable } from '../../core/shape.ts';

/** The SDK's types for an attempt that was paused or reset, and then cancelled. */
const STOPPED_BY_OPERATOR = new Set(['ActivityPause', 'ActivityReset']);

/** Whether the workers that tried do not have the tool; then nothing has begun. */
export function isUnknownTool(error: unknown): boolean {
  const cause = error instanceof ActivityFailure ? error.cause : error;
  return cause instanceof ApplicationFailure && isNotRegistered(cause.type, cause.details);
}

/** How the worker of a call was lost or shut down before the call ended; `undefined` if it was not. */
export function lossOf(error: unknown): Loss | undefined {
  const cause = error instanceof ActivityFailure ? error.cause : error;
  if (cause instanceof TimeoutFailure && cause.timeoutType === 'HEARTBEAT') {
    const record = heartbeatRecord(cause.lastHeartbeatDetails);
    const before = cause.cause instanceof ApplicationFailure ? cause.cause : undefined;
    return {
      type: 'crash',
      attempt: record?.attempt,
      failedAttempt: attemptReport(before?.details)?.attempt,
      details: record?.details,
    };
  }
  if (cause instanceof ApplicationFailure && cause.type === WORKER_SHUTDOWN) {
    return {
      type: 'shutdown',
      attempt: attemptReport(cause.details)?.attempt,
      failedAttempt: undefined,
      details: cause.details?.[1],
    };
  }
  return undefined;
}

const NO_ACTIVITIES =
  "This worker runs turns and has no activities of Plait, which execution: 'local' needs. Give it those of createActivities, or use createWorker.";

/** How a local attempt failed; `undefined` if it was cancelled. */
export function localEnd(error: unknown, { retry }: ToolPolicy): LocalEnd | undefined {
  const cause = error instanceof ActivityFailure ? error.cause : error;
  if (cause instanceof TimeoutFailure) {
    if (cause.timeoutType === 'SCHEDULE_TO_START') return { type: 'not run' };
    return { type: 'failed', isFinal: false, retryDelay: undefined, details: undefined };
  }
  if (cause instanceof CancelledFailure || isCancellation(error)) return undefined;
  // This worker's SDK has no such activity. Another worker's may, so nothing about this may be recorded.
  if (!(cause instanceof ApplicationFailure)) throw new Error(NO_ACTIVITIES, { cause: error });
  const { type, nonRetryable } = cause;
  if (isUnknownTool(error) || type === AGENT_NOT_REGISTERED || type === TASK_LOST) {
    return { type: 'not run' };
  }
  const { retryDelay, details } = attemptReport(cause.details)?.local ?? {};
  if (type === NO_LOCAL_ROOM) return { type: 'no room' };
  if (type === WORKER_SHUTDOWN) return { type: 'shutdown', details };
  const isFinal = nonRetryable === true || retry.nonRetryableErrorTypes.includes(type ?? '');
  return { type: 'failed', isFinal, retryDelay, details };
}

/** How an activity of a call ended: it has an outcome, its tool has returned `ctx.later()`, or its server asks. */
export type CallEnd =
  | { type: 'settled'; settled: SettledCall }
  | {
      type: 'awaits completion';
      key: string;
      timeout: number;
      /** How its tool ran. */
      begun: Begun;
    }
  | { type: 'asks'; asks: CallQuestions; begun: Begun };

type Begun = Pick<SettledCall, 'attempts' | 'start' | 'startedEarly'>;

export function returned(value: unknown, scheduled: number, repeatable: boolean): CallEnd {
  if (value instanceof Unreadable || ArrayBuffer.isView(value)) {
    return { type: 'settled', settled: unreadable(value, scheduled, repeatable) };
  }
  const result = readToolReturn(value) ?? completedByHand(value, scheduled);
  if (result.type === 'later') {
    const { key, timeout } = result.later;
    // By the server's clock, like its end will be; the worker's clock may differ.
    const begun =
      result.startedEarly === true
        ? { start: Math.min(result.startedAt, scheduled), startedEarly: true as const }
        : { start: scheduled };
    return {
      type: 'awaits completion',
      key,
      timeout,
      begun: { attempts: result.attempt, ...begun },
    };
  }
  if (result.type === 'asks') {
    const { start, startedEarly } = timesOf(result, scheduled);
    const begun = { attempts: result.attempt, start, ...defined({ startedEarly }) };
    return { type: 'asks', asks: result.asks, begun };
  }
  const { content, stored } = result;
  return {
    type: 'settled',
    settled: {
      outcome: { type: 'succeeded', content },
      attempts: result.attempt,
      ...timesOf(result, scheduled),
      ...defined({ stored }),
    },
  };
}

/**
 * Times by one clock: the worker's if it has seen the whole call, otherwise the server's. The two may be
 * minutes apart.
 */
function timesOf(
  report: AttemptReport | undefined,
  scheduled: number,
): Pick<SettledCall, 'start' | 'end' | 'startedEarly'> {
  if (report?.attempt !== 1) return { start: scheduled, end: Date.now() };
  const { startedAt: start, endedAt: end, startedEarly } = report;
  return startedEarly === true ? { start, end, startedEarly } : { start, end };
}

/** Somebody has completed the activity without Plait's client, with any value. */
function completedByHand(value: unknown, scheduled: number): ToolReturn {
  const text = typeof value === 'string' ? value : (JSON.stringify(value) ?? '');
  const content = text.trim() === '' ? COMPLETED_WITHOUT_RESULT : text;
  return { type: 'result', content, attempt: 1, startedAt: scheduled, endedAt: Date.now() };
}

/** The same, with a value that cannot be read. What the tool has done is not known. */
function unreadable(value: unknown, scheduled: number, repeatable: boolean): SettledCall {
  const message = unreadableResultText(
    value instanceof Unreadable ? value.why : 'bytes',
    repeatable,
  );
  const type = repeatable ? 'failed' : 'unknown';
  return { outcome: { type, message }, attempts: 1, start: scheduled, end: Date.now() };
}

/** Turns every way in which a call can fail into an outcome. */
export function failed(error: unknown, call: FailedCall): CallEnd {
  const { scheduled } = call;
  const { outcome, attempts, report } = explain(error, call);
  return {
    type: 'settled',
    settled: {
      outcome,
      attempts,
      ...timesOf(report, scheduled),
    },
  };
}

interface FailedCall {
  tool: string;
  /** That of its last activity. */
  policy: ToolPolicy;
  scheduled: number;
  /** Attempts in its earlier activities. */
  earlier?: EarlierAttempts | undefined;
  /** Whether only the lack of time prevents another attempt, if the failure does not say so. */
  outOfTime?: boolean;
  /** Why it is not tried again, in a sentence. */
  why?: string | undefined;
}

interface Explained {
  outcome: ToolOutcome;
  attempts: number;
  report?: AttemptReport | undefined;
}

function explain(error: unknown, call: FailedCall): Explained {
  const { tool, policy } = call;
  const before = call.earlier?.attempts ?? 0;
  const cause = error instanceof ActivityFailure ? error.cause : error;
  if (cause instanceof TimeoutFailure) return explainTimeout(error, cause, call);
  if (cause instanceof CancelledFailure || isCancellation(error)) {
    return explainCancel(cause, policy);
  }
  if (cause instanceof ApplicationFailure) {
    const report = attemptReport(cause.details);
    if (report === undefined && STOPPED_BY_OPERATOR.has(cause.type ?? '')) {
      return explainCancel(cause, policy);
    }
    if (report === undefined && cause.type === NOT_FOUND) {
      return { outcome: { type: 'failed', message: noWorkerText(tool) }, attempts: 0 };
    }
    const attempts = report?.attempt ?? before + attemptsOf(error, policy);
    const type = failureOutcome(cause.type);
    const isLast =
      call.outOfTime === true ||
      (error instanceof ActivityFailure && error.retryState === 'TIMEOUT');
    const noTime = type === 'failed' && isLast ? NO_TIME_LEFT : '';
    return {
      outcome: {
        type,
        message: cause.message + noTime + sentence(call.why) + afterAttempts(attempts),
      },
      attempts,
      report,
    };
  }
  const message = rootCause(error) ?? String(error);
  return { outcome: { type: 'failed', message }, attempts: before + attemptsOf(error, policy) };
}

function explainTimeout(
  error: unknown,
  cause: TimeoutFailure,
  { policy, earlier: scheduledBefore, why }: FailedCall,
): Explained {
  const earlierAttempts = scheduledBefore?.attempts ?? 0;
  const begun = heartbeatRecord(cause.lastHeartbeatDetails);
  const before = cause.cause instanceof ApplicationFailure ? cause.cause : undefined;
  // The heartbeat details may come from an earlier attempt, as may the failure.
  const earlier = Math.max(
    earlierAttempts,
    begun?.attempt ?? 0,
    attemptReport(before?.details)?.attempt ?? 0,
  );
  const waited = cause.timeoutType === 'SCHEDULE_TO_START';
  const attempts = waited
    ? earlier
    : Math.max(earlier, earlierAttempts + attemptsOf(error, policy));
  const { repeatable } = policy;
  const { type, message } = timeoutOutcome(cause.timeoutType, policy, {
    repeatable,
    begun: begun !== undefined,
  });
  const tried = repeatable
    ? beforeText(before?.message) + sentence(why) + afterAttempts(attempts)
    : '';
  return { outcome: { type, message: message + tried }, attempts };
}

function sentence(text: string | undefined): string {
  return text === undefined ? '' : ` ${text}`;
}

function explainCancel(cause: unknown, policy: ToolPolicy): Explained {
  const report = cause instanceof CancelledFailure ? attemptReport(cause.details) : undefined;
  const begun = report !== undefined && !policy.repeatable;
  const message = begun ? CANCELLED_WHILE_RUNNING : CANCELLED;
  return { outcome: { type: 'cancelled', message }, attempts: report?.attempt ?? 0, report };
}

/** History and failures do not count attempts, so without a report the number is inferred. */
function attemptsOf(error: unknown, policy: ToolPolicy): number {
  const exhausted =
    error instanceof ActivityFailure && error.retryState === 'MAXIMUM_ATTEMPTS_REACHED';
  return exhausted ? policy.retry.maximumAttempts : 1;
}
