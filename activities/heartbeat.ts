import type { Context } from '@temporalio/activity';
import type { Pace } from '../core/heartbeats.ts';
import { nextHeartbeat } from '../core/heartbeats.ts';

export interface Heartbeats {
  /** Sends a heartbeat now. The wait for the next one stays as long as it was. */
  readonly beat: () => void;
  readonly stop: () => void;
}

/**
 * Heartbeats for an activity until they are stopped, so that a lost worker, a cancel and a pause are noticed
 * in seconds; `nextHeartbeat` says how often. `details` is read at every beat, since each replaces the last.
 */
export function keepAlive(
  activity: Context,
  pace: Pace,
  details: () => unknown = () => undefined,
): Heartbeats {
  const { heartbeatTimeoutMs: timeout = 0 } = activity.info;
  let pause: number | undefined;
  let timer: NodeJS.Timeout | undefined;
  const beat = () => {
    timer?.refresh();
    activity.heartbeat(details());
  };
  const wait = () => {
    pause = nextHeartbeat(timeout, pace, pause);
    timer = setTimeout(() => {
      activity.heartbeat(details());
      wait();
    }, pause);
  };
  if (timeout > 0) wait();
  return { beat, stop: () => clearTimeout(timer) };
}
