import type { Client } from '@temporalio/client';
import { historyPageSize } from '../client/follow/history.ts';

/** Size of a turn's history, as the server counts it. */
export interface History {
  readonly events: number;
  readonly bytes: number;
}

export async function readHistory(client: Client, workflowId: string): Promise<History> {
  const { historyLength, historySize = 0 } = await client.workflow.getHandle(workflowId).describe();
  return { events: historyLength, bytes: historySize };
}

/** The names of the model's activity: `plait.callModel` in Plait, `callModel` in the others. */
const MODEL_ACTIVITY = /callModel$/;

/** The size of history at each model request. */
export async function sizesByRound(client: Client, workflowId: string): Promise<number[]> {
  const sizes: number[] = [];
  let size = 0;
  for (const event of await allEvents(client, workflowId)) {
    const { workflowTaskStartedEventAttributes: task, activityTaskScheduledEventAttributes: call } =
      event;
    if (task?.historySizeBytes) size = Number(task.historySizeBytes);
    if (MODEL_ACTIVITY.test(call?.activityType?.name ?? '')) sizes.push(size);
  }
  return sizes;
}

/** A page of `fetchHistory` may be larger than a gRPC message allows. */
async function allEvents(client: Client, workflowId: string) {
  const { historySize } = await client.workflow.getHandle(workflowId).describe();
  const request = {
    namespace: client.options.namespace,
    execution: { workflowId },
    maximumPageSize: historyPageSize(historySize),
  };
  const events = [];
  for (let nextPageToken: Uint8Array = new Uint8Array(); ;) {
    const page = await client.workflowService.getWorkflowExecutionHistory({
      ...request,
      nextPageToken,
    });
    events.push(...(page.history?.events ?? []));
    nextPageToken = page.nextPageToken;
    if (nextPageToken.length === 0) return events;
  }
}
