import type { Info } from '@temporalio/activity';
import { ApplicationFailure } from '@temporalio/common';
import { TIME_IS_UP } from '../../core/failures.ts';

export interface TurnDeadline {
  signal: AbortSignal;
  /** How many milliseconds are left; `Infinity` without a limit. */
  left: () => number;
  stop: () => void;
}

/** Timers cannot be set for much longer, and no attempt lasts longer. */
const LONGEST_MS = 3_600_000;

/** Measures time from now on by this machine's own monotonic clock. */
export function stopwatch(): () => number {
  const began = performance.now();
  return () => performance.now() - began;
}

/**
 * The end of the turn's time, for its first model call only: the workflow learns from its result how much
 * time the agent gives.
 *
 * The clocks of a worker and of the server may be minutes apart. So the time before the attempt is measured
 * by the server's clock, and the attempt itself by the worker's. Neither covers the wait for a worker; the
 * workflow, which knows that wait, ends the turn later.
 *
 * @param begunAt when the turn began, by the server's clock
 * @param elapsed since the attempt began
 */
export function turnDeadline(
  {
    currentAttemptScheduledTimestampMs: scheduledAt,
  }: Pick<Info, 'currentAttemptScheduledTimestampMs'>,
  begunAt: number,
  wallTime: number | undefined,
  elapsed: number,
): TurnDeadline {
  const controller = new AbortController();
  const before = Math.max(0, scheduledAt - begunAt) + elapsed;
  const since = stopwatch();
  const left = () => (wallTime ?? Infinity) - before - since();
  if (wallTime === undefined) return { signal: controller.signal, left, stop: () => undefined };
  const up = () =>
    controller.abort(
      ApplicationFailure.nonRetryable('The time for the turn is up.', TIME_IS_UP, wallTime),
    );
  if (left() <= 0) up();
  const timer = setTimeout(up, Math.min(left(), LONGEST_MS));
  return { signal: controller.signal, left, stop: () => clearTimeout(timer) };
}
