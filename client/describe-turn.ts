import type { WorkflowExecutionDescription } from '@temporalio/client';
import { TOOL_NAME_PATTERN } from '../core/names.ts';

/** A tool call that has been scheduled and not settled. */
export interface PendingCall {
  /** The `tool_use` id. */
  id: string;
  name: string;
  /** From 1; counts attempts that were scheduled. */
  attempt: number;
  /** `waiting` for a worker or for its next attempt. */
  state: 'waiting' | 'running' | 'cancelling' | 'paused';
  /** Why the last attempt failed, when it did. */
  lastFailure?: string;
}

export interface TurnDescription {
  turnId: string;
  agent: string | undefined;
  /** Temporal's name for the status: `RUNNING`, `COMPLETED`, `FAILED`, `TERMINATED`, … */
  status: string;
  startTime: Date;
  closeTime?: Date;
  /** Whether the turn waits for the model now, and in which attempt. */
  modelAttempt?: number;
  pendingCalls: PendingCall[];
  historyEvents: number;
  historyBytes: number | undefined;
}

// Numbers of temporal.api.enums.v1.PendingActivityState.
const STATES: Record<number, PendingCall['state']> = {
  2: 'running',
  3: 'cancelling',
  4: 'paused',
  5: 'running',
};

export function describeTurn(description: WorkflowExecutionDescription): TurnDescription {
  const pending = description.raw.pendingActivities ?? [];
  const calls = pending.filter(({ activityType }) =>
    TOOL_NAME_PATTERN.test(activityType?.name ?? ''),
  );
  const model = pending.find((activity) => !calls.includes(activity));
  const agent = description.memo?.['agent'];
  return {
    turnId: description.workflowId,
    agent: typeof agent === 'string' ? agent : undefined,
    status: description.status.name,
    startTime: description.startTime,
    ...(description.closeTime === undefined ? {} : { closeTime: description.closeTime }),
    ...(model === undefined ? {} : { modelAttempt: model.attempt ?? 1 }),
    pendingCalls: calls.map((activity) => {
      const lastFailure = activity.lastFailure?.message;
      return {
        id: activity.activityId ?? '',
        name: activity.activityType?.name ?? '',
        attempt: activity.attempt ?? 1,
        state: STATES[activity.state ?? 0] ?? 'waiting',
        ...(lastFailure === undefined || lastFailure === null ? {} : { lastFailure }),
      };
    }),
    historyEvents: description.historyLength,
    historyBytes: description.historySize,
  };
}
