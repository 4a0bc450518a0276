import { defined } from '../core/json.ts';
import type { Client, WorkflowExecutionDescription } from '@temporalio/client';
import { WorkflowNotFoundError } from '@temporalio/client';
import { CALL_MODEL, TOOL_NAME_PATTERN } from '../core/names.ts';
import type { PendingActivity } from './follow/pending.ts';
import { pendingActivities } from './follow/pending.ts';

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
  /** Of the run that goes on, or was the last. */
  historyEvents: number;
  /** Of the same run. `undefined` where the server does not say. */
  historyBytes: number | undefined;
}

export async function describeTurn(client: Client, turnId: string): Promise<TurnDescription> {
  const description = await client.workflow.getHandle(turnId).describe();
  const pending = pendingActivities(description.raw);
  const model = pending.find(({ type }) => type === CALL_MODEL);
  const agent = description.memo?.['agent'];
  return {
    turnId: description.workflowId,
    agent: typeof agent === 'string' ? agent : undefined,
    status: description.status.name,
    startTime: await startOf(client, description),
    ...defined({ closeTime: description.closeTime }),
    ...(model === undefined ? {} : { modelAttempt: model.attempt }),
    pendingCalls: pending.filter(({ type }) => TOOL_NAME_PATTERN.test(type)).map(pendingCall),
    historyEvents: description.historyLength,
    historyBytes: description.historySize,
  };
}

/** Of a turn that has gone on in new runs, that of its first one, as long as the server keeps it. */
async function startOf(
  client: Client,
  { workflowId, runId, startTime, raw }: WorkflowExecutionDescription,
): Promise<Date> {
  const firstRunId = raw.workflowExecutionInfo?.firstRunId;
  if (!firstRunId || firstRunId === runId) return startTime;
  try {
    return (await client.workflow.getHandle(workflowId, firstRunId).describe()).startTime;
  } catch (error) {
    if (error instanceof WorkflowNotFoundError) return startTime;
    throw error;
  }
}

function pendingCall(activity: PendingActivity): PendingCall {
  const { type, startedAt: _, ...rest } = activity;
  return { name: type, ...rest };
}
