// The health check of the worker's container, see the Dockerfile. Exits with 0 when the worker of this
// container has recently polled Temporal for workflows and for activities, otherwise with 1 and the reason.

import { hostname } from 'node:os';
import { Connection } from '@temporalio/client';
import { optionalTsToMs } from '@temporalio/common/lib/time.js';
import { loadClientConnectConfig } from '@temporalio/envconfig';
import proto from '@temporalio/proto';

/** A poll takes up to a minute, and the server records when it began. */
const RECENT_MS = 70_000;
const ANSWER_MS = 5_000;

const { TaskQueueType } = proto.temporal.api.enums.v1;
const KINDS = {
  workflows: TaskQueueType.TASK_QUEUE_TYPE_WORKFLOW,
  activities: TaskQueueType.TASK_QUEUE_TYPE_ACTIVITY,
};

try {
  await check();
} catch (error) {
  console.error(error instanceof Error ? error.message : error);
  process.exitCode = 1;
}

async function check() {
  const { connectionOptions, namespace = 'default' } = loadClientConnectConfig();
  const name = process.env.PLAIT_TASK_QUEUE || 'plait';
  const connection = await Connection.connect({ ...connectionOptions, connectTimeout: ANSWER_MS });
  try {
    for (const [kind, taskQueueType] of Object.entries(KINDS)) {
      const { pollers } = await connection.withDeadline(Date.now() + ANSWER_MS, () =>
        connection.workflowService.describeTaskQueue({
          namespace,
          taskQueue: { name },
          taskQueueType,
        }),
      );
      if (!(pollers ?? []).some(isOurs)) {
        throw new Error(`No worker on ${hostname()} polls task queue ${name} for ${kind}.`);
      }
    }
  } finally {
    await connection.close();
  }
}

/**
 * The SDK's identity of a worker is its process id and its host, which is the container.
 *
 * @param {import('@temporalio/proto').temporal.api.taskqueue.v1.IPollerInfo} poller
 */
function isOurs({ identity, lastAccessTime }) {
  const age = Date.now() - (optionalTsToMs(lastAccessTime) ?? 0);
  return (identity ?? '').endsWith(`@${hostname()}`) && age < RECENT_MS;
}
