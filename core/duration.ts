// The range of every duration: in options of agents and tools, arguments of turns and sessions, and what a
// tool gives to `ctx.later()`. In milliseconds.

/** A shorter one would be rounded to nothing, for which the server rejects the whole workflow task. */
export const MIN_DURATION = 1;

/**
 * 100 years of 365 days. The server silently shortens longer durations to this, and a date much farther ahead
 * cannot be written.
 */
export const MAX_DURATION = 100 * 365 * 24 * 3_600_000;

/** The end of a sentence about an option that also accepts a text: `approvalTimeout must be …`. */
export const DURATION =
  "a duration from 1 ms to 36,500 days: a number of milliseconds, or a text like '30s' or '2m'";

/** The end of a sentence about a number of milliseconds: `batchTimeout must be …`. */
export const MILLISECONDS = `a number of milliseconds from ${MIN_DURATION} to ${MAX_DURATION}, which is 36,500 days`;

export function isDuration(value: unknown): value is number {
  return typeof value === 'number' && value >= MIN_DURATION && value <= MAX_DURATION;
}

/** Node's timers for a longer time fire at once. */
export const MAX_TIMER = 2 ** 31 - 1;
