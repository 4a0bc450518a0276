import { defined } from '../core/json.ts';
import type { Worker, WorkerOptions } from '@temporalio/worker';
import { GracefulShutdownPeriodExpiredError, NativeConnection } from '@temporalio/worker';
import { msToNumber } from '@temporalio/common/lib/time.js';
import { loadClientConnectConfig } from '@temporalio/envconfig';
import type { ActivitiesOptions, PlaitActivities } from '../activities/create-activities.ts';
import { buildActivities } from '../activities/create-activities.ts';
import type { AbandonedTool } from '../activities/tools/attempt.ts';
import { DeclarationError } from '../agents/declaration-error.ts';
import { DEFAULT_TASK_QUEUE } from '../core/names.ts';
import { checkStorage } from '../storage/check-storage.ts';
import { withStorage } from '../storage/data-converter.ts';
import { preloaded, WORKFLOWS } from './bundler-options.ts';
import { checkModelLimits, chosenQueues, queuesOf, serveQueues } from './serve-queues.ts';

/** Plait's options, and every option of Temporal's worker; what is given wins over a default here. */
export interface CreateWorkerOptions
  extends ActivitiesOptions, Partial<Omit<WorkerOptions, 'activities'>> {
  /** Where turns are started. @default 'plait' */
  taskQueue?: string;
  /**
   * Serve these task queues only, of `taskQueue` and those that the agents name for their model calls
   * and their tools; some other worker must serve the rest. Options that count something, such as
   * `maxConcurrentActivityTaskExecutions`, hold for each queue by itself.
   * @default all of them: no call waits for a worker that nobody started
   */
  taskQueues?: readonly string[];
  /**
   * Most calls per second that the server hands out from a task queue, to all of its workers
   * together; the others wait. Holds for each queue that a tool has for itself. The queue of the turns
   * is limited only where there is no other: there it slows model calls too and ends their eager
   * start.
   *
   * Every worker that serves such a queue must give the same number: the last poll wins, and one
   * without a limit lifts it. `temporal task-queue config set` sets one for good.
   * @default no limit
   */
  maxTaskQueueActivitiesPerSecond?: number;
  /**
   * Most model calls that this worker runs at once, for each `modelTaskQueue` of the agents; the others
   * wait for it or another worker. One that waits to be tried again takes no place. A `DeclarationError`
   * where no agent has such a queue, or this worker serves none. @default as `maxConcurrentActivityTaskExecutions`, 500
   */
  maxConcurrentModelCalls?: number;
  /**
   * Most attempts to call the model per second that the server hands out from each `modelTaskQueue`, to
   * all of its workers together; otherwise as `maxTaskQueueActivitiesPerSecond`, which does not hold for
   * these queues. Every worker that serves one must give the same number. A `DeclarationError` where no
   * agent has such a queue, or this worker serves none. @default no limit
   */
  maxModelCallsPerSecond?: number;
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
  // A start in the worker's own process is eager only while there is room for its first task; at the
  // default of 40 most of 200 turns that start at once take the way through the queue.
  maxConcurrentWorkflowTaskExecutions: 200,
  // A cancel or a pause reaches a tool with its next heartbeat, so let heartbeats through; and a reply
  // is told in them while it forms.
  maxHeartbeatThrottleInterval: '200ms',
  // After a killed worker, others wait this long for it before they take over its turns.
  stickyQueueScheduleToStartTimeout: '2s',
  // On SIGTERM tools may finish for this long, then their signals abort ...
  shutdownGraceTime: '10s',
  // ... and a tool that ignores its signal does not hold the process for ever.
  shutdownForceTime: '20s',
} as const satisfies Partial<WorkerOptions>;

/** The defaults that fit to what is given. */
function defaultsFor({ tuner, shutdownGraceTime }: Partial<WorkerOptions>): Partial<WorkerOptions> {
  // A tuner decides these by itself, and Temporal refuses both.
  const {
    maxConcurrentActivityTaskExecutions: _,
    maxConcurrentWorkflowTaskExecutions: __,
    ...others
  } = DEFAULTS;
  const defaults = tuner === undefined ? DEFAULTS : others;
  if (shutdownGraceTime === undefined) return defaults;
  // Forced earlier, tools would be lost within the time that they were given.
  const afterGrace =
    msToNumber(DEFAULTS.shutdownForceTime) - msToNumber(DEFAULTS.shutdownGraceTime);
  return { ...defaults, shutdownForceTime: msToNumber(shutdownGraceTime) + afterGrace };
}

function workflowsOf({
  workflowBundle,
  workflowsPath = WORKFLOWS,
  bundlerOptions,
}: Partial<WorkerOptions>): Partial<WorkerOptions> {
  if (workflowBundle !== undefined) return { workflowBundle };
  return { workflowsPath, bundlerOptions: preloaded(bundlerOptions) };
}

/**
 * A Temporal worker that runs the turns of these agents. It also serves the task queues that model calls
 * and tools have for themselves, by more workers behind the one that is returned: `run`, `shutdown`,
 * `connection` and the counts of activities are for all of them.
 *
 * Without a `connection` it connects by Temporal's environment configuration (TEMPORAL_ADDRESS,
 * TEMPORAL_NAMESPACE, TEMPORAL_API_KEY, profiles), to localhost:7233 by default. Workflows of your
 * own: give `workflowsPath` and export `plait/workflows` from that file as well.
 *
 * Throws a `DeclarationError` for agents that do not fit together, a `StorageUnavailableError` when the
 * storage cannot be written and read, and Temporal's `TransportError` when the server cannot be
 * reached. `run()` rejects with Temporal's `GracefulShutdownPeriodExpiredError` when a tool ignored its
 * signal past the shutdown.
 *
 * @example
 * const worker = await createWorker({
 *   agents: [support],
 *   storage: directoryStorage('/var/lib/plait'), // for long conversations and large results
 * });
 * await worker.run(); // until SIGINT or SIGTERM
 */
export async function createWorker(options: CreateWorkerOptions): Promise<Worker> {
  const {
    agents,
    anthropic,
    storage,
    modelIdleTimeout,
    activities,
    dataConverter,
    taskQueue = DEFAULT_TASK_QUEUE,
    taskQueues,
    maxConcurrentModelCalls,
    maxModelCallsPerSecond,
    ...temporal
  } = options;
  const abandoned = new Set<AbandonedTool>();
  const plait = buildActivities(
    {
      agents,
      ...defined({ anthropic, storage, modelIdleTimeout }),
    },
    abandoned,
  );
  const needed = queuesOf(agents, taskQueue);
  const queues = chosenQueues(needed, taskQueues);
  const limits = { maxConcurrentModelCalls, maxModelCallsPerSecond };
  checkModelLimits(limits, needed, queues);
  const converter = withStorage(dataConverter, storage);
  // Otherwise the first long conversation would tell it.
  if (storage !== undefined) await checkStorage(storage);
  const { connection, namespace, owned } = await connect(temporal);
  try {
    const forAll = {
      ...defaultsFor(temporal),
      ...temporal,
      ...workflowsOf(temporal),
      connection,
      namespace,
      activities: merged(activities, plait),
      ...defined({ dataConverter: converter }),
    };
    const worker = await serveQueues(queues, needed, forAll, limits);
    afterRun(worker, async () => {
      // Nobody else can close it, and an open connection can keep the process alive for ever.
      await owned?.close();
      refuseToLinger(abandoned);
    });
    return worker;
  } catch (error) {
    await owned?.close();
    throw error;
  }
}

interface WorkerConnection {
  connection: NativeConnection;
  namespace: string;
  /** The connection, if it was made here. */
  owned?: NativeConnection;
}

async function connect(
  given: Pick<CreateWorkerOptions, 'connection' | 'namespace'>,
): Promise<WorkerConnection> {
  if (given.connection !== undefined && given.namespace !== undefined) {
    return { connection: given.connection, namespace: given.namespace };
  }
  const config = loadClientConnectConfig();
  const namespace = given.namespace ?? config.namespace ?? 'default';
  if (given.connection !== undefined) return { connection: given.connection, namespace };
  const owned = await NativeConnection.connect(config.connectionOptions);
  return { connection: owned, namespace, owned };
}

function afterRun(worker: Worker, cleanUp: () => Promise<void>): void {
  const run = worker.run.bind(worker);
  worker.run = async () => {
    try {
      await run();
    } finally {
      await cleanUp();
    }
  };
}

/**
 * The calls of these tools have ended, but their timers and sockets would keep the process alive for
 * as long as they like. The same error with which Temporal's worker gives up on such activities ends
 * it, unless it is caught.
 */
function refuseToLinger(abandoned: ReadonlySet<AbandonedTool>): void {
  if (abandoned.size === 0) return;
  const tools = [...abandoned].map(({ tool, callId }) => `${tool} (${callId})`).join(', ');
  throw new GracefulShutdownPeriodExpiredError(
    `The worker has shut down, but these tools ignore their signal and run on: ${tools}`,
  );
}

/** A tool must not be shadowed by an activity of the same name, nor shadow it, unnoticed. */
function merged(activities: object | undefined, plait: PlaitActivities): object {
  const taken = Object.keys(activities ?? {}).filter((name) => Object.hasOwn(plait, name));
  if (taken.length === 0) return { ...activities, ...plait };
  throw new DeclarationError(
    `activities: ${taken.join(', ')} has the name of a tool, and a tool's name is its activity type; rename one of them`,
  );
}
