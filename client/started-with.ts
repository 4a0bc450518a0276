import type { Client } from '@temporalio/client';
import { decodeArrayFromPayloads } from '@temporalio/common/lib/internal-non-workflow/index.js';

/**
 * The digest of the arguments that an existing turn was started with: from its memo, or, for one
 * that was started with a plain Temporal client, from the first event of its history. `undefined`
 * for what is no turn.
 */
export async function startedWith(
  client: Client,
  turnId: string,
  digestOf: (args: unknown) => string,
): Promise<string | undefined> {
  const description = await client.workflow.getHandle(turnId).describe();
  const digest = description.memo?.['inputDigest'];
  if (typeof digest === 'string') return digest;
  const { history } = await client.workflowService.getWorkflowExecutionHistory({
    namespace: client.options.namespace,
    // A later run has only what the first one has left to do.
    execution: {
      workflowId: turnId,
      runId: description.raw.workflowExecutionInfo?.firstRunId || description.runId,
    },
    maximumPageSize: 1,
  });
  const started = history?.events?.[0]?.workflowExecutionStartedEventAttributes;
  const [args] = await decodeArrayFromPayloads(
    client.options.loadedDataConverter,
    started?.input?.payloads,
  );
  return args === undefined ? undefined : digestOf(args);
}
