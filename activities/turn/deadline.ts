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

/**
 * The end of the turn's time, for its first model call alone: only with its result the workflow knows how
 * much time the agent gives.
 */
export function turnDeadline(begunAt: number, wallTime: number | undefined): TurnDeadline {
  const controller = new AbortController();
  const left = () => (wallTime === undefined ? Infinity : begunAt + wallTime - Date.now());
  if (wallTime === undefined) return { signal: controller.signal, left, stop: () => undefined };
  const up = () =>
    controller.abort(
      ApplicationFailure.nonRetryable('The time for the turn is up.', TIME_IS_UP, wallTime),
    );
  if (left() <= 0) up();
  const timer = setTimeout(up, Math.min(left(), LONGEST_MS));
  return { signal: controller.signal, left, stop: () => clearTimeout(timer) };
}
