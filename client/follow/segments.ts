import { defined } from '../../core/json.ts';
import type { PendingActivity } from './description.ts';
import type { RetryLimits } from './events.ts';
import type { Segment } from './waterfall.ts';

/** What history says of one activity; milliseconds since the epoch. */
export interface ActivityTimes {
  scheduledAt: number;
  /** When its last attempt began, once that has ended. */
  startedAt?: number;
  /** The number of that attempt. */
  attempt?: number;
  endedAt?: number;
  retry: RetryLimits;
}

/**
 * What an activity was doing from when it was scheduled until it ended, or until `now`. The server keeps the
 * beginning of the last attempt only: the ones before it are placed by the retry policy, between what is known.
 */
export function activitySegments(
  times: ActivityTimes,
  pending: PendingActivity | undefined,
  now: number,
): Segment[] {
  const { scheduledAt, startedAt, attempt = 1, endedAt, retry } = times;
  if (endedAt !== undefined) {
    // No worker took it.
    if (startedAt === undefined) return spans([wait('queue', scheduledAt, endedAt)]);
    return spans([
      ...earlierSegments(scheduledAt, startedAt, attempt, retry),
      { type: 'attempt', start: startedAt, end: endedAt, attempt },
    ]);
  }
  return spans(openSegments(scheduledAt, retry, pending, now));
}

function openSegments(
  scheduledAt: number,
  retry: RetryLimits,
  pending: PendingActivity | undefined,
  now: number,
): Segment[] {
  if (pending === undefined) return [wait('queue', scheduledAt, now)];
  const { attempt, state, startedAt, lastEndedAt, nextAttemptAt } = pending;
  const runs = state === 'running' || state === 'cancelling';
  if (runs && startedAt !== undefined) {
    return [
      ...earlierSegments(scheduledAt, startedAt, attempt, retry),
      { type: 'attempt', start: startedAt, end: now, attempt },
    ];
  }
  if (attempt < 2 || startedAt === undefined) return [wait('queue', scheduledAt, now)];
  const failedAt = lastEndedAt ?? startedAt;
  const due = Math.max(failedAt, Math.min(now, nextAttemptAt ?? now));
  return [
    ...earlierSegments(scheduledAt, startedAt, attempt - 1, retry),
    { type: 'attempt', start: startedAt, end: failedAt, attempt: attempt - 1, failed: true },
    wait('backoff', failedAt, due),
    wait('queue', due, now),
  ];
}

/** What there was before attempt number `attempt`, which began at `until`. */
function earlierSegments(
  from: number,
  until: number,
  attempt: number,
  retry: RetryLimits,
): Segment[] {
  if (attempt < 2) return [wait('queue', from, until)];
  const room = Math.max(0, until - from);
  const planned = Array.from({ length: attempt - 1 }, (_, i) => backoffAfter(i + 1, retry));
  const pauses = planned.reduce((sum, pause) => sum + pause, 0);
  // Where the attempts said when to be tried again, the policy says too much.
  const scale = pauses > room ? room / pauses : 1;
  const each = (room - pauses * scale) / planned.length;
  let at = from;
  return planned.flatMap((pause, i) => {
    const start = at;
    const failedAt = start + each;
    at = failedAt + pause * scale;
    return [
      { type: 'attempt', start, end: failedAt, attempt: i + 1, failed: true, estimated: true },
      { type: 'backoff', start: failedAt, end: at, estimated: true },
    ] satisfies Segment[];
  });
}

/** The pause after an attempt, in milliseconds, by the retry policy. */
function backoffAfter(attempt: number, retry: RetryLimits): number {
  const { initialInterval, backoffCoefficient, maximumInterval } = retry;
  const interval = initialInterval * backoffCoefficient ** (attempt - 1);
  return maximumInterval > 0 ? Math.min(interval, maximumInterval) : interval;
}

export function wait(type: Segment['type'], start: number, end: number): Segment {
  return { type, start, end };
}

/** Without those that have no length; one that runs now has not, and stays. Whole milliseconds. */
function spans(segments: readonly Segment[]): Segment[] {
  return segments.flatMap(({ start, end, ...rest }) => {
    const [from, to] = [Math.round(start), Math.round(end)];
    return to > from || rest.type === 'attempt' ? [{ ...rest, start: from, end: to }] : [];
  });
}

/**
 * With the part of its attempt that ran before the activity began: its tool started at `startedAt`, while the
 * reply still came, until `repliedAt`.
 */
export function withEarlyStart(
  segments: readonly Segment[],
  startedAt: number,
  repliedAt: number,
): Segment[] {
  const last = segments.at(-1);
  if (last === undefined || startedAt >= last.end) return [...segments];
  const early = Math.min(repliedAt, last.end);
  return [
    { type: 'early', start: Math.min(startedAt, early), end: early, attempt: 1 },
    ...(last.end > early
      ? [{ type: 'attempt' as const, start: early, end: last.end, attempt: 1 }]
      : []),
  ];
}

/** With its last attempt divided at the first token of the reply. */
export function withFirstToken(
  segments: readonly Segment[],
  firstToken: number | undefined,
): Segment[] {
  const last = segments.at(-1);
  if (last?.type !== 'attempt' || firstToken === undefined) return [...segments];
  const at = Math.min(last.end, last.start + firstToken);
  const { attempt } = last;
  return [
    ...segments.slice(0, -1),
    { ...last, end: at },
    { type: 'reply', start: at, end: last.end, ...defined({ attempt }) },
  ];
}
