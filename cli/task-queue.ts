import type { Client } from '@temporalio/client';
import { optionalTsToMs } from '@temporalio/common/lib/time.js';
import proto from '@temporalio/proto';
import type { temporal } from '@temporalio/proto';
import { CliError, EXIT_CODES } from './exit-codes.ts';

type TaskQueueType = temporal.api.enums.v1.TaskQueueType;
const { TaskQueueType } = proto.temporal.api.enums.v1;

/**
 * The server lists pollers for five minutes after they have left. A running worker has polled within the
 * last minute, because one poll takes at most that long.
 */
const LIVE_MS = 70_000;

/** Throws a `CliError` unless a worker polls this task queue both for workflows and for activities. */
export async function requireWorker(client: Client, taskQueue: string): Promise<void> {
  const [workflows, activities] = await Promise.all([
    isServed(client, taskQueue, 'workflows'),
    isServed(client, taskQueue, 'activities'),
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

/** Whether a worker polls this task queue for workflows, or for activities. */
export async function isServed(
  client: Client,
  taskQueue: string,
  kind: 'workflows' | 'activities',
): Promise<boolean> {
  const { TASK_QUEUE_TYPE_WORKFLOW, TASK_QUEUE_TYPE_ACTIVITY } = TaskQueueType;
  return await hasPoller(
    client,
    taskQueue,
    kind === 'workflows' ? TASK_QUEUE_TYPE_WORKFLOW : TASK_QUEUE_TYPE_ACTIVITY,
  );
}

/** Whether one worker alone runs the activities of this task queue, so that no other can have an agent. */
export async function hasOneWorker(client: Client, taskQueue: string): Promise<boolean> {
  return (await pollersOf(client, taskQueue, TaskQueueType.TASK_QUEUE_TYPE_ACTIVITY)) === 1;
}

async function hasPoller(
  client: Client,
  name: string,
  taskQueueType: TaskQueueType,
): Promise<boolean> {
  return (await pollersOf(client, name, taskQueueType)) > 0;
}

/** The workers that poll, by their identities. */
async function pollersOf(
  client: Client,
  name: string,
  taskQueueType: TaskQueueType,
): Promise<number> {
  const { namespace } = client.options;
  const { pollers } = await client.workflowService.describeTaskQueue({
    namespace,
    taskQueue: { name },
    taskQueueType,
  });
  const live = (pollers ?? []).filter(
    ({ lastAccessTime }) => Date.now() - (optionalTsToMs(lastAccessTime) ?? 0) < LIVE_MS,
  );
  return new Set(live.map(({ identity }) => identity)).size;
}
