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
