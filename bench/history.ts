import type { Client } from '@temporalio/client';

/** Size of a turn's history, as the server counts it. */
export interface History {
  readonly events: number;
  readonly bytes: number;
}

export async function readHistory(client: Client, workflowId: string): Promise<History> {
  const { historyLength, historySize = 0 } = await client.workflow.getHandle(workflowId).describe();
  return { events: historyLength, bytes: historySize };
}

/** The model's activity, under the names that the contenders give it. */
const MODEL_ACTIVITY = /callModel$/;

/** How large history was when the model was asked, for each time it was. */
export async function sizesByRound(client: Client, workflowId: string): Promise<number[]> {
  const { events } = await client.workflow.getHandle(workflowId).fetchHistory();
  const sizes: number[] = [];
  let size = 0;
  for (const event of events ?? []) {
    const { workflowTaskStartedEventAttributes: task, activityTaskScheduledEventAttributes: call } =
      event;
    if (task?.historySizeBytes) size = Number(task.historySizeBytes);
    if (MODEL_ACTIVITY.test(call?.activityType?.name ?? '')) sizes.push(size);
  }
  return sizes;
}
