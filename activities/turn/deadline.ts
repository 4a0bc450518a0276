import { ApplicationFailure } from '@temporalio/common';
import { TIME_IS_UP } from '../../core/failures.ts';

export interface TurnDeadline {
  signal: AbortSignal;
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
  if (wallTime === undefined) return { signal: controller.signal, stop: () => undefined };
  const left = begunAt + wallTime - Date.now();
  const up = () =>
    controller.abort(
      ApplicationFailure.nonRetryable('The time for the turn is up.', TIME_IS_UP, wallTime),
    );
  if (left <= 0) up();
  const timer = setTimeout(up, Math.min(left, LONGEST_MS));
  return { signal: controller.signal, stop: () => clearTimeout(timer) };
}
