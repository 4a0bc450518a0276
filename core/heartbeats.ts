/**
 * How fast the time between two heartbeats grows. A heartbeat costs an Action, and it is how an activity
 * learns that it was cancelled or paused. A turn waits for a cancelled call to end, but not for a cancelled
 * model request.
 */
export type Pace = keyof typeof GROWTH;

const GROWTH = { call: 4, 'model request': 8 } as const;

/** Shorter activities cost no heartbeat. */
const FIRST_MS = 1_000;
/** A shorter timer would keep the worker busy. */
const SHORTEST_MS = 50;
/** How late a busy worker may be with a heartbeat, if the timeout leaves room for it. */
const LATE_MS = 2_000;

/**
 * The time until the next heartbeat, in milliseconds: short at first, then longer and longer, up to 80 % of
 * `timeout`, the activity's `heartbeatTimeout`.
 *
 * @param before the time before the last heartbeat; `undefined` for the first
 */
export function nextHeartbeat(timeout: number, pace: Pace, before?: number): number {
  const third = timeout / 3;
  const longest = Math.min(0.8 * timeout, Math.max(third, timeout - LATE_MS));
  const wanted = before === undefined ? Math.min(FIRST_MS, third) : before * GROWTH[pace];
  return Math.max(SHORTEST_MS, Math.min(longest, wanted));
}
