import type { TimeLimits } from '../../core/calls/ending.ts';
import type { ToolUse } from '../../core/conversation/messages.ts';
import type { MissingCall, PreparedCall } from '../../core/calls/prepared-call.ts';
import type { CallRecord } from '../../core/calls/record.ts';
import type { TurnStatus } from './snapshot.ts';

/** How an activity or a run ended, as far as this client can decode it. */
export type Ending =
  | { type: 'completed'; result?: unknown }
  | { type: 'failed'; message: string; failureType?: string; details?: readonly unknown[] }
  | { type: 'timedOut'; timeout: string; heartbeat?: unknown }
  | { type: 'cancelled'; details?: readonly unknown[] };

/** What an activity was scheduled with; times in milliseconds. */
export interface ScheduledLimits extends TimeLimits {
  nonRetryableErrorTypes: readonly string[];
}

/** What a run is told of the runs before it. */
export interface EarlierRounds {
  rounds: number;
  calls: readonly CallRecord[];
  /** What the last reply asks for, where that has not been dispatched. */
  open: { calls: readonly ToolUse[]; prepared: readonly (PreparedCall | MissingCall)[] };
}

/**
 * What a history event says about models and tools, decoded. `at` is in milliseconds since the
 * epoch; `key` is the id of the event that scheduled the activity.
 */
export type TurnEvent =
  | {
      type: 'turnStarted';
      at: number;
      agent: string | undefined;
      /** What earlier runs of the turn have done. */
      earlier?: EarlierRounds;
    }
  | {
      type: 'scheduled';
      at: number;
      key: string;
      id: string;
      activityType: string;
      summary: string;
      limits: ScheduledLimits;
    }
  | { type: 'started'; at: number; key: string; attempt: number }
  | { type: 'cancelRequested'; key: string }
  | { type: 'ended'; at: number; key: string; ending: Ending }
  | { type: 'turnClosed'; at: number; status: Exclude<TurnStatus, 'running'>; ending: Ending };
