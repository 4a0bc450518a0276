import type { Info } from '@temporalio/activity';
import { ApplicationFailure } from '@temporalio/common';
import { TIME_IS_UP } from '../../core/failures.ts';

export interface TurnDeadline {
  signal: AbortSignal;
  /** How much of it is left, in milliseconds; for ever, where it has no limit. */
  left: () => number;
  stop: () => void;
}

/** A timer cannot be set for much longer, and no attempt lasts longer than this. */
const LONGEST_MS = 3_600_000;

/** Time that goes by from now on, by this machine's clock alone, and which nobody can set. */
export function stopwatch(): () => number {
  const began = performance.now();
  return () => performance.now() - began;
}

/**
 * The end of the turn's time, for its first model call alone: only with its result the workflow knows how
 * much time the agent gives.
 *
 * The clocks of a worker and of the server may be minutes apart. So what went by before the attempt is
 * measured by the server's clock, and the attempt itself by the worker's. How long it waited for a worker
 * neither says; the workflow, which knows, ends the turn after it.
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
