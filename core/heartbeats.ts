/**
 * How fast the time between two heartbeats grows. A heartbeat costs an Action, and it is how an activity
 * learns that it is cancelled or paused. A turn waits until a cancelled call has ended, and not until a
 * cancelled model request has.
 */
export type Pace = keyof typeof GROWTH;

const GROWTH = { call: 4, 'model request': 8 } as const;

/** What ends sooner costs no heartbeat. */
const FIRST_MS = 1_000;
/** A timer below this would keep the worker busy. */
const SHORTEST_MS = 50;
/** A busy worker may be so late with a heartbeat, where its timeout leaves room for it. */
const LATE_MS = 2_000;

/**
 * The time until the next heartbeat, in milliseconds: soon at first, and then less and less often, down to
 * once per 80 % of `timeout`, the activity's `heartbeatTimeout`.
 *
 * @param before the time before the last heartbeat; `undefined` for the first
 */
export function nextHeartbeat(timeout: number, pace: Pace, before?: number): number {
  const third = timeout / 3;
  const longest = Math.min(0.8 * timeout, Math.max(third, timeout - LATE_MS));
  const wanted = before === undefined ? Math.min(FIRST_MS, third) : before * GROWTH[pace];
  return Math.max(SHORTEST_MS, Math.min(longest, wanted));
}
