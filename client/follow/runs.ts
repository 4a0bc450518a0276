import type { WorkflowClient } from '@temporalio/client';
import { WorkflowNotFoundError } from '@temporalio/client';

/** What every request goes through. */
type Ask = <T>(request: () => Promise<T>) => Promise<T>;

/**
 * The runs of a turn that the server still knows, the oldest first: a turn goes on in a new run when
 * its history is long. Found backwards, since a reset makes another run out of one of them.
 */
export async function turnRuns(
  client: WorkflowClient,
  turnId: string,
  ask: Ask = (request) => request(),
): Promise<[string, ...string[]]> {
  const { runId } = await ask(() => client.getHandle(turnId).describe());
  const runs: [string, ...string[]] = [runId];
  for (;;) {
    const execution = { workflowId: turnId, runId: runs[0] };
    const before = await ask(() => runBefore(client, execution));
    if (before === undefined) return runs;
    runs.unshift(before);
  }
}

interface Execution {
  workflowId: string;
  runId: string;
}

/** `undefined` where there was none, or where the server does not keep it any more. */
async function runBefore(
  client: WorkflowClient,
  execution: Execution,
): Promise<string | undefined> {
  const { history } = await client.workflowService.getWorkflowExecutionHistory({
    namespace: client.options.namespace,
    execution,
    maximumPageSize: 1,
  });
  const started = history?.events?.[0]?.workflowExecutionStartedEventAttributes;
  const before = started?.continuedExecutionRunId;
  if (!before) return undefined;
  try {
    await client.getHandle(execution.workflowId, before).describe();
    return before;
  } catch (error) {
    if (error instanceof WorkflowNotFoundError) return undefined;
    throw error;
  }
}
