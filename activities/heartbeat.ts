import type { Context } from '@temporalio/activity';

const FIRST_BEAT_MS = 1_000;

/**
 * Heartbeats for an activity until the returned function is called, so that a lost worker, a cancel
 * and a pause are noticed in seconds. The first beat comes after a second: short calls never pay.
 * `details` is read at every beat, since each replaces the last.
 */
export function keepAlive(activity: Context, details: () => unknown = () => undefined): () => void {
  const timeout = activity.info.heartbeatTimeoutMs;
  if (timeout === undefined || timeout <= 0) return () => undefined;
  const interval = Math.max(50, Math.min(FIRST_BEAT_MS, timeout / 3));
  const timer = setInterval(() => activity.heartbeat(details()), interval);
  return () => clearInterval(timer);
}
