import { defined } from '../../core/json.ts';
import type { WorkflowExecutionDescription } from '@temporalio/client';
import { optionalTsToMs } from '@temporalio/common/lib/time.js';

/** What history does not say of an activity that has not ended: only a description does. */
export interface PendingActivity {
  /** The activity's id: the `tool_use` id, or that of a model request. */
  id: string;
  /** The activity type: a tool's name, or one of Plait's own. */
  type: string;
  /** From 1; the attempt that runs, or that comes next. */
  attempt: number;
  /** `scheduled` while it waits for a worker, or for its next attempt. */
  state: 'scheduled' | 'running' | 'cancelling' | 'paused';
  /** When the newest attempt began; milliseconds since the epoch. */
  startedAt?: number;
  /** Why the attempt before this one failed. */
  lastFailure?: string;
}

// Numbers of temporal.api.enums.v1.PendingActivityState.
const STATES: Record<number, PendingActivity['state']> = {
  2: 'running',
  3: 'cancelling',
  4: 'paused',
  // An operator paused it, and its attempt has not stopped yet.
  5: 'paused',
};

export function pendingActivities(raw: WorkflowExecutionDescription['raw']): PendingActivity[] {
  return (raw.pendingActivities ?? []).map((activity) => {
    const startedAt = optionalTsToMs(activity.lastStartedTime);
    const lastFailure = activity.lastFailure?.message;
    return {
      id: activity.activityId ?? '',
      type: activity.activityType?.name ?? '',
      attempt: activity.attempt ?? 1,
      state: STATES[activity.state ?? 0] ?? 'scheduled',
      ...defined({ startedAt }),
      ...(typeof lastFailure === 'string' ? { lastFailure } : {}),
    };
  });
}
