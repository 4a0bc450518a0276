import type { Client } from '@temporalio/client';
import { optionalTsToMs } from '@temporalio/common/lib/time.js';
import proto from '@temporalio/proto';
import type { temporal } from '@temporalio/proto';
import { CliError, EXIT_CODES } from './exit-codes.ts';

type Description = temporal.api.workflowservice.v1.IDescribeTaskQueueResponse;
type Poller = temporal.api.taskqueue.v1.IPollerInfo;
const { TaskQueueType } = proto.temporal.api.enums.v1;

/** The kind of tasks. A worker polls for one or for both. */
const TYPES = {
  workflows: TaskQueueType.TASK_QUEUE_TYPE_WORKFLOW,
  activities: TaskQueueType.TASK_QUEUE_TYPE_ACTIVITY,
} as const;

export type TaskKind = keyof typeof TYPES;

/**
 * The server lists pollers for five minutes after they have left. One poll takes a minute at most, so a
 * running worker has polled within the last minute.
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

/** Whether a single worker runs the activities of this task queue, so that no other worker can have an agent. */
export async function hasOneWorker(client: Client, taskQueue: string): Promise<boolean> {
  return identitiesOf(await describeQueue(client, taskQueue, 'activities')).length === 1;
}

/** Whether a worker polls this task queue for tasks of this kind. */
async function isServed(client: Client, name: string, kind: TaskKind): Promise<boolean> {
  return identitiesOf(await describeQueue(client, name, kind)).length > 0;
}

/** What the server says of one kind of tasks in a task queue; `whole` adds what waits and its limits. */
export async function describeQueue(
  client: Client,
  name: string,
  kind: TaskKind,
  { whole = false } = {},
): Promise<Description> {
  const { namespace } = client.options;
  return await client.workflowService.describeTaskQueue({
    namespace,
    taskQueue: { name },
    taskQueueType: TYPES[kind],
    reportStats: whole,
    reportConfig: whole,
  });
}

/** Only of workers that still run. */
export function livePollers({ pollers }: Description): Poller[] {
  return (pollers ?? []).filter(
    ({ lastAccessTime }) => Date.now() - (optionalTsToMs(lastAccessTime) ?? 0) < LIVE_MS,
  );
}

/** The workers that poll, by their identities. */
export function identitiesOf(description: Description): string[] {
  return [...new Set(livePollers(description).map(({ identity }) => identity ?? ''))];
}
