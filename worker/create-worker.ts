import { fileURLToPath } from 'node:url';
import type { WorkerOptions } from '@temporalio/worker';
import { NativeConnection, Worker } from '@temporalio/worker';
import { loadClientConnectConfig } from '@temporalio/envconfig';
import type { ActivitiesOptions } from '../activities/index.ts';
import { createActivities } from '../activities/index.ts';
import { DEFAULT_TASK_QUEUE } from '../core/names.ts';
import { withStorage } from '../storage/data-converter.ts';

/** Plait's options, and every option of Temporal's worker; what is given wins over a default here. */
export interface CreateWorkerOptions
  extends ActivitiesOptions, Partial<Omit<WorkerOptions, 'activities'>> {
  /** @default 'plait' */
  taskQueue?: string;
  /** Activities of your own, registered beside the tools. @default none */
  activities?: object;
}

/** Options with a measured reason; Temporal's own defaults hold for the others. */
const DEFAULTS = {
  // A worker may start the whole batch that it has just scheduled without asking the server for it.
  // The SDK's default of 3 makes the other calls of a batch wait for a poll each.
  maxEagerActivityReservationsPerWorkflowTask: 500,
  // Tools mostly wait; at the default of 100 the 101st call of a batch would queue.
  maxConcurrentActivityTaskExecutions: 500,
  // A cancel or a pause reaches a tool with its next heartbeat, so let heartbeats through.
  maxHeartbeatThrottleInterval: '1s',
  // After a killed worker, others wait this long for it before they take over its turns.
  stickyQueueScheduleToStartTimeout: '2s',
  // On SIGTERM tools may finish for this long, then their signals abort ...
  shutdownGraceTime: '10s',
  // ... and a tool that ignores its signal does not hold the process for ever.
  shutdownForceTime: '20s',
} as const satisfies Partial<WorkerOptions>;

/** The workflows beside this file: `.ts` in the repository, `.js` in the package. */
const WORKFLOWS = fileURLToPath(
  new URL(`../workflows/index.${import.meta.url.endsWith('.ts') ? 'ts' : 'js'}`, import.meta.url),
);

/**
 * A Temporal worker that runs the turns of these agents: `await worker.run()`.
 *
 * Without a `connection` it connects by Temporal's environment configuration (TEMPORAL_ADDRESS,
 * TEMPORAL_NAMESPACE, TEMPORAL_API_KEY, profiles), to localhost:7233 by default. Workflows of your
 * own: give `workflowsPath` and export `plait/workflows` from that file as well.
 *
 * Throws a `DeclarationError` for agents that do not fit together, and Temporal's `TransportError`
 * when the server cannot be reached.
 */
export async function createWorker(options: CreateWorkerOptions): Promise<Worker> {
  const { agents, anthropic, storage, modelIdleTimeout, activities, dataConverter, ...temporal } =
    options;
  const plait = createActivities({
    agents,
    ...(anthropic === undefined ? {} : { anthropic }),
    ...(storage === undefined ? {} : { storage }),
    ...(modelIdleTimeout === undefined ? {} : { modelIdleTimeout }),
  });
  const converter = withStorage(dataConverter, storage);
  const { connection, namespace } = await connect(temporal);
  return await Worker.create({
    ...DEFAULTS,
    ...(temporal.workflowBundle === undefined ? { workflowsPath: WORKFLOWS } : {}),
    ...temporal,
    connection,
    namespace,
    taskQueue: temporal.taskQueue ?? DEFAULT_TASK_QUEUE,
    activities: { ...activities, ...plait },
    ...(converter === undefined ? {} : { dataConverter: converter }),
  });
}

async function connect(
  given: Pick<CreateWorkerOptions, 'connection' | 'namespace'>,
): Promise<{ connection: NativeConnection; namespace: string }> {
  const config = loadClientConnectConfig();
  const namespace = given.namespace ?? config.namespace ?? 'default';
  const connection = given.connection ?? (await NativeConnection.connect(config.connectionOptions));
  return { connection, namespace };
}
