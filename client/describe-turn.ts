import type { WorkflowExecutionDescription } from '@temporalio/client';
import { CALL_MODEL, TOOL_NAME_PATTERN } from '../core/names.ts';
import type { PendingActivity } from './pending-activities.ts';
import { pendingActivities } from './pending-activities.ts';

/** A tool call that has been scheduled and not settled. Its `id` is the `tool_use` id. */
export interface PendingCall extends Omit<PendingActivity, 'type' | 'startedAt'> {
  name: string;
}

export interface TurnDescription {
  turnId: string;
  /** Known where the turn was started by an `AgentClient`. */
  agent: string | undefined;
  /** Temporal's name for the status: `RUNNING`, `COMPLETED`, `FAILED`, `TERMINATED`, … */
  status: string;
  startTime: Date;
  closeTime?: Date;
  /** The attempt of the model request that the turn waits for, if it waits for one. */
  modelAttempt?: number;
  pendingCalls: PendingCall[];
  historyEvents: number;
  /** `undefined` where the server does not say. */
  historyBytes: number | undefined;
}

export function describeTurn(description: WorkflowExecutionDescription): TurnDescription {
  const pending = pendingActivities(description.raw);
  const model = pending.find(({ type }) => type === CALL_MODEL);
  const agent = description.memo?.['agent'];
  return {
    turnId: description.workflowId,
    agent: typeof agent === 'string' ? agent : undefined,
    status: description.status.name,
    startTime: description.startTime,
    ...(description.closeTime === undefined ? {} : { closeTime: description.closeTime }),
    ...(model === undefined ? {} : { modelAttempt: model.attempt }),
    pendingCalls: pending.filter(({ type }) => TOOL_NAME_PATTERN.test(type)).map(pendingCall),
    historyEvents: description.historyLength,
    historyBytes: description.historySize,
  };
}

function pendingCall(activity: PendingActivity): PendingCall {
  const { type, startedAt: _, ...rest } = activity;
  return { name: type, ...rest };
}
