import type { Client } from '@temporalio/client';
import { optionalTsToMs } from '@temporalio/common/lib/time.js';
import { CliError } from './cli-error.ts';
import { EXIT_CODES } from './exit-codes.ts';

// Numbers of temporal.api.enums.v1.TaskQueueType.
const WORKFLOW_TASKS = 1;
const ACTIVITY_TASKS = 2;

/**
 * The server lists pollers for five minutes after they are gone. A worker that lives has polled
 * within the last minute, since that is how long one poll takes.
 */
const LIVE_MS = 70_000;

/** Throws a `CliError` unless a worker polls this task queue both for workflows and for activities. */
export async function requireWorker(client: Client, taskQueue: string): Promise<void> {
  const [workflows, activities] = await Promise.all([
    hasPoller(client, taskQueue, WORKFLOW_TASKS),
    hasPoller(client, taskQueue, ACTIVITY_TASKS),
  ]);
  if (workflows && activities) return;
  const { namespace } = client.options;
  const where = `task queue ${taskQueue} of namespace ${namespace}`;
  const missing = workflows ? ' for activities' : activities ? ' for workflows' : '';
  throw new CliError(
    EXIT_CODES.noWorker,
    `No worker polls ${where}${missing}, so nothing was started. Start one with \`plait dev <module>\` or \`plait worker <module>\`, or choose another --task-queue.`,
  );
}

async function hasPoller(client: Client, name: string, taskQueueType: number): Promise<boolean> {
  const { namespace } = client.options;
  const { pollers } = await client.workflowService.describeTaskQueue({
    namespace,
    taskQueue: { name },
    taskQueueType,
  });
  return (pollers ?? []).some(
    ({ lastAccessTime }) => Date.now() - (optionalTsToMs(lastAccessTime) ?? 0) < LIVE_MS,
  );
}
