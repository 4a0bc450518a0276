import { defined } from '../../core/json.ts';
import type { PendingActivity } from './description.ts';
import type { RetryLimits } from './events.ts';
import type { Bar } from './waterfall.ts';

/** What history says of one activity, or of a sub-agent's turn; milliseconds since the epoch. */
export interface ActivityTimes {
  scheduledAt: number;
  /** When its last attempt began; known once that has ended. */
  startedAt?: number;
  /** The number of that attempt. */
  attempt?: number;
  endedAt?: number;
  retry: RetryLimits;
}

/**
 * What an activity did from its scheduling to its end, or to `now`. The server keeps the beginning of the
 * last attempt only: earlier attempts are placed by the retry policy, between what is known.
 */
export function activityBars(
  times: ActivityTimes,
  pending: PendingActivity | undefined,
  now: number,
): Bar[] {
  const { scheduledAt, startedAt, attempt = 1, endedAt, retry } = times;
  if (endedAt !== undefined) {
    // No worker took it.
    if (startedAt === undefined) return spans([wait('queue', scheduledAt, endedAt)]);
    return spans([
      ...earlierBars(scheduledAt, startedAt, attempt, retry),
      { type: 'attempt', start: startedAt, end: endedAt, attempt },
    ]);
  }
  // The turn of a sub-agent: history has no beginning of a running activity.
  if (startedAt !== undefined) {
    const runs: Bar = { type: 'attempt', start: startedAt, end: now, attempt };
    return spans([wait('queue', scheduledAt, startedAt), runs]);
  }
  return spans(openBars(scheduledAt, retry, pending, now));
}

function openBars(
  scheduledAt: number,
  retry: RetryLimits,
  pending: PendingActivity | undefined,
  now: number,
): Bar[] {
  if (pending === undefined) return [wait('queue', scheduledAt, now)];
  const { attempt, state, startedAt, lastEndedAt, nextAttemptAt } = pending;
  const runs = state === 'running' || state === 'cancelling';
  if (runs && startedAt !== undefined) {
    return [
      ...earlierBars(scheduledAt, startedAt, attempt, retry),
      { type: 'attempt', start: startedAt, end: now, attempt },
    ];
  }
  if (attempt < 2) return [wait('queue', scheduledAt, now)];
  const pause = backoffAfter(attempt - 1, retry);
  const failedAt = lastEndedAt ?? (nextAttemptAt === undefined ? now : nextAttemptAt - pause);
  const ended = Math.min(now, Math.max(scheduledAt, failedAt));
  const due = Math.max(ended, Math.min(now, nextAttemptAt ?? now));
  return [
    ...failedAttempts(scheduledAt, ended, attempt - 1, pausesAfter(attempt - 2, retry)),
    wait('backoff', ended, due),
    wait('queue', due, now),
  ];
}

/** The bars before attempt number `attempt`, which began at `until`. */
function earlierBars(from: number, until: number, attempt: number, retry: RetryLimits): Bar[] {
  if (attempt < 2) return [wait('queue', from, until)];
  return failedAttempts(from, until, attempt - 1, pausesAfter(attempt - 1, retry));
}

/** Failed attempts and the pauses after them; after the last one there may be no pause. */
function failedAttempts(
  from: number,
  until: number,
  count: number,
  pauses: readonly number[],
): Bar[] {
  const room = Math.max(0, until - from);
  const planned = pauses.reduce((sum, pause) => sum + pause, 0);
  // If attempts named shorter delays themselves, the pauses of the policy are too long: scale them.
  const scale = planned > room ? room / planned : 1;
  const each = (room - planned * scale) / count;
  // A single attempt between two known moments is exact.
  const estimated = count === 1 && pauses.length === 0 ? {} : { estimated: true as const };
  let at = from;
  return Array.from({ length: count }, (_, i) => {
    const start = at;
    const end = start + each;
    at = end + (pauses[i] ?? 0) * scale;
    return [
      { type: 'attempt' as const, start, end, attempt: i + 1, failed: true as const, ...estimated },
      { type: 'backoff' as const, start: end, end: at, ...estimated },
    ];
  }).flat();
}

function pausesAfter(attempts: number, retry: RetryLimits): number[] {
  return Array.from({ length: attempts }, (_, i) => backoffAfter(i + 1, retry));
}

/** The pause after an attempt, in milliseconds, by the retry policy. */
function backoffAfter(attempt: number, retry: RetryLimits): number {
  const { initialInterval, backoffCoefficient, maximumInterval } = retry;
  const interval = initialInterval * backoffCoefficient ** (attempt - 1);
  return maximumInterval > 0 ? Math.min(interval, maximumInterval) : interval;
}

export function wait(type: Bar['type'], start: number, end: number): Bar {
  return { type, start, end };
}

/** In whole milliseconds, without bars of no length; an attempt that runs now has none and stays. */
function spans(bars: readonly Bar[]): Bar[] {
  return bars.flatMap(({ start, end, ...rest }) => {
    const [from, to] = [Math.round(start), Math.round(end)];
    return to > from || rest.type === 'attempt' ? [{ ...rest, start: from, end: to }] : [];
  });
}

/** For a call whose tool began before its reply was complete, until `repliedAt`. Its activity joined it later. */
export function earlyBars(start: number, end: number, repliedAt: number): Bar[] {
  const early = Math.min(Math.max(start, repliedAt), end);
  return [
    { type: 'early' as const, start, end: early, attempt: 1 },
    { type: 'attempt' as const, start: early, end, attempt: 1 },
  ].filter((bar) => bar.end > bar.start);
}

/** Splits the last attempt at the first token of the reply. */
export function withFirstToken(bars: readonly Bar[], firstToken: number | undefined): Bar[] {
  const last = bars.at(-1);
  if (last?.type !== 'attempt' || firstToken === undefined) return [...bars];
  const at = Math.min(last.end, last.start + firstToken);
  const { attempt } = last;
  return [
    ...bars.slice(0, -1),
    { ...last, end: at },
    { type: 'reply', start: at, end: last.end, ...defined({ attempt }) },
  ];
}
