import { msToNumber } from '@temporalio/common/lib/time.js';
import type { DataConverter } from '@temporalio/common';
import { loadClientConnectConfig } from '@temporalio/envconfig';
import type { Worker, WorkerOptions } from '@temporalio/worker';
import { GracefulShutdownPeriodExpiredError, NativeConnection, Runtime } from '@temporalio/worker';
import type { ActivitiesOptions, PlaitActivities } from '../activities/create-activities.ts';
import { buildActivities } from '../activities/create-activities.ts';
import type { AbandonedTool } from '../activities/tools/attempt.ts';
import { EarlyRuns, MAX_EARLY_RUNS } from '../activities/tools/early-runs.ts';
import { agentsOf } from '../agents/agent-registry.ts';
import { DeclarationError } from '../agents/declaration-error.ts';
import {
  functionProblem,
  given,
  optionalFunctionProblem,
  optionalTextProblem,
  optionalTextsProblem,
  recordProblem,
  rejectIf,
} from '../core/arguments.ts';
import { defined, isRecord } from '../core/json.ts';
import { ANY_OTHER, DEFAULT_TASK_QUEUE } from '../core/names.ts';
import { checkStorage } from '../storage/check-storage.ts';
import { withStorage } from '../storage/data-converter.ts';
import { unusableTransport } from '../transport/check-transport.ts';
import {
  preloaded,
  requireFailureConverter,
  requireWorkflows,
  WORKFLOWS,
} from './bundler-options.ts';
import type { BundleOptions } from './prebuilt-bundle.ts';
import { prebuiltBundle } from './prebuilt-bundle.ts';
import { asksModel, hasCredential, NO_CREDENTIAL } from './credential.ts';
import { checkModelLimits, chosenQueues, queuesOf, serveQueues } from './serve-queues.ts';

/** Plait's options, and every option of Temporal's worker. What you give replaces Plait's defaults. */
export interface CreateWorkerOptions
  extends ActivitiesOptions, Partial<Omit<WorkerOptions, 'activities'>> {
  /** Where turns are started. @default 'plait' */
  taskQueue?: string;
  /**
   * Serve only these of the task queues: `taskQueue`, and those that the agents name for their model calls
   * and tools. Other workers must serve the rest. Options that count something, such as
   * `maxConcurrentActivityTaskExecutions`, apply to each queue separately.
   * @default all of them, so that no call waits for a worker that nobody started
   */
  taskQueues?: readonly string[];
  /**
   * Most calls per second that the server starts from a task queue, over all of its workers; the others
   * wait. It applies to each task queue of a tool. If no tool has one, it limits the queue of the turns,
   * which slows model calls too and turns off their eager start.
   *
   * Every worker that serves such a queue must give the same number: the server uses that of the latest
   * poll, and a worker without the option removes the limit. A limit of `temporal task-queue config set`
   * overrides it.
   * @default no limit
   */
  maxTaskQueueActivitiesPerSecond?: number;
  /**
   * Most model calls that this worker runs at once, for each `modelTaskQueue` of the agents; the others
   * wait for this worker or another. A call that waits for its next attempt does not count. Only for a
   * worker that serves such a queue; otherwise a `DeclarationError`.
   * @default as `maxConcurrentActivityTaskExecutions`, 500
   */
  maxConcurrentModelCalls?: number;
  /**
   * Most attempts of model calls per second that the server starts from each `modelTaskQueue`, over all of
   * its workers. Otherwise like `maxTaskQueueActivitiesPerSecond`, which does not apply to these queues:
   * every worker that serves one must give the same number. Only for a worker that serves such a queue;
   * otherwise a `DeclarationError`. @default no limit
   */
  maxModelCallsPerSecond?: number;
  /**
   * Codecs and converters. Codecs alone leave what tools throw in clear text in history: use
   * `encryptedBy(codec)` from `plait/storage`. With a `workflowBundle` that lacks its failure converter, a
   * `DeclarationError`.
   */
  dataConverter?: DataConverter;
  /** Your own activities, registered beside the tools. @default none */
  activities?: object;
}

/** Options that were measured. For the others, Temporal's own defaults apply. */
const DEFAULTS = {
  // A worker may start the whole batch that it has just scheduled without asking the server. With the
  // SDK's default of 3, every other call of the batch waits for a poll.
  maxEagerActivityReservationsPerWorkflowTask: 500,
  // Tools mostly wait. With the default of 100, the 101st call of a batch would queue.
  maxConcurrentActivityTaskExecutions: 500,
  maxConcurrentLocalActivityExecutions: 500,
  // A turn that starts in the worker's own process starts eagerly only while there is room for its first
  // task. With the default of 40, most of 200 turns that start at once would go through the queue.
  maxConcurrentWorkflowTaskExecutions: 200,
  // Plait decides when to send a heartbeat, up to five a second where a partial reply is followed.
  maxHeartbeatThrottleInterval: '200ms',
  // After a worker was killed, the others wait this long for it before they take over its turns.
  stickyQueueScheduleToStartTimeout: '2s',
  // After SIGTERM tools may finish for this long; then their signals abort.
  shutdownGraceTime: '10s',
  // A tool that ignores its signal must not keep the process alive for ever.
  shutdownForceTime: '20s',
} as const satisfies Partial<WorkerOptions>;

/** The defaults, except those that contradict the given options. */
function defaultsFor({ tuner, shutdownGraceTime }: Partial<WorkerOptions>): Partial<WorkerOptions> {
  // A tuner decides these, and Temporal rejects both together.
  const {
    maxConcurrentActivityTaskExecutions: _,
    maxConcurrentLocalActivityExecutions: __,
    maxConcurrentWorkflowTaskExecutions: ___,
    ...others
  } = DEFAULTS;
  const defaults = tuner === undefined ? DEFAULTS : others;
  if (shutdownGraceTime === undefined) return defaults;
  // A longer grace period must not be cut short.
  const afterGrace =
    msToNumber(DEFAULTS.shutdownForceTime) - msToNumber(DEFAULTS.shutdownGraceTime);
  return { ...defaults, shutdownForceTime: msToNumber(shutdownGraceTime) + afterGrace };
}

function workflowsOf(options: BundleOptions): Partial<WorkerOptions> {
  const { workflowsPath = WORKFLOWS, bundlerOptions, interceptors } = options;
  const workflowBundle = options.workflowBundle ?? prebuiltBundle(options);
  if (workflowBundle !== undefined) return { workflowBundle };
  // Preloaded, even beside your own.
  requireWorkflows();
  return {
    workflowsPath,
    bundlerOptions: preloaded(bundlerOptions),
    interceptors: {
      ...interceptors,
      workflowModules: [...(interceptors?.workflowModules ?? []), WORKFLOWS],
    },
  };
}

/**
 * A Temporal worker that runs the turns of these agents: `await worker.run()`. It also serves the task
 * queues that the agents name for model calls and tools, with more workers behind the returned one: `run`,
 * `shutdown`, `connection` and the counts of activities are for all of them.
 *
 * Without a `connection` it connects as Temporal's environment configuration says (TEMPORAL_ADDRESS,
 * TEMPORAL_NAMESPACE, TEMPORAL_API_KEY, profiles), by default to localhost:7233. To run your own workflows
 * too, give `workflowsPath`, and export `plait/workflows` from that file.
 *
 * Logs a warning with the logger of Temporal's `Runtime` if it has to ask the model and finds no credential, or
 * if it cannot reach the stream transport; it then runs without the transport until it can.
 *
 * Throws a `DeclarationError` for agents and options that contradict each other, a
 * `StorageUnavailableError` if it cannot write and read the storage, an `InvalidTransportError` if the
 * stream transport lacks a package, and Temporal's `TransportError` if it cannot reach the server. `run()`
 * rejects with Temporal's `GracefulShutdownPeriodExpiredError` if a tool ignored its signal and still runs
 * after the shutdown.
 */
export async function createWorker(options: CreateWorkerOptions): Promise<Worker> {
  rejectIf(DeclarationError, optionsProblem(options));
  const agents = agentsOf(options);
  const {
    agents: _,
    anthropic,
    storage,
    streamTransport,
    modelIdleTimeout,
    authorizeDecision,
    traces,
    activities,
    dataConverter,
    taskQueue = DEFAULT_TASK_QUEUE,
    taskQueues,
    maxConcurrentModelCalls,
    maxModelCallsPerSecond,
    ...temporal
  } = options;
  const abandoned = new Set<AbandonedTool>();
  const earlyRuns = new EarlyRuns(mostEarlyRuns(temporal), abandoned);
  const { activities: plait, close: closeServers } = buildActivities(
    {
      agents,
      ...defined({
        anthropic,
        storage,
        streamTransport,
        modelIdleTimeout,
        authorizeDecision,
        traces,
      }),
    },
    abandoned,
    earlyRuns,
  );
  const needed = queuesOf(agents, taskQueue);
  const queues = chosenQueues(needed, taskQueues);
  const limits = { maxConcurrentModelCalls, maxModelCallsPerSecond };
  checkModelLimits(limits, needed, queues);
  const converter = withStorage(dataConverter, storage);
  await requireFailureConverter(options);
  // Check now, before the first long conversation needs it.
  if (storage !== undefined) await checkStorage(storage);
  const withoutTransport = await unusableTransport(streamTransport);
  if (withoutTransport !== undefined) Runtime.instance().logger.warn(withoutTransport);
  const workflows = workflowsOf(options);
  const { connection, namespace, owned } = await connect(temporal);
  try {
    const forAll = {
      ...defaultsFor(temporal),
      ...temporal,
      ...workflows,
      connection,
      namespace,
      activities: merged(activities, plait),
      ...defined({ dataConverter: converter }),
    };
    const worker = await serveQueues(queues, needed, forAll, limits);
    earlyRuns.byDefault = !holdsCallsBack(worker.options);
    if (asksModel(agents, taskQueue, queues) && !hasCredential(anthropic)) {
      Runtime.instance().logger.warn(NO_CREDENTIAL);
    }
    afterRun(worker, async () => {
      // Nobody else can close it, and an open connection may keep the process alive forever.
      await owned?.close();
      await earlyRuns.close();
      await closeServers();
      throwIfToolsRun(abandoned);
    });
    return worker;
  } catch (error) {
    await owned?.close();
    throw error;
  }
}

/** What `buildActivities` and Temporal do not check, or report in other words. */
function optionsProblem(options: CreateWorkerOptions): string | undefined {
  const problem = recordProblem('createWorker: the options', options);
  if (problem !== undefined) return problem;
  const { taskQueue, taskQueues, activities, connection, bundlerOptions } = options;
  if (connection !== undefined && !hasClose(connection)) {
    return `createWorker: connection must be a NativeConnection; got ${given(connection)}`;
  }
  if (activities !== undefined && !isRecord(activities)) {
    return `createWorker: activities must be an object; got ${given(activities)}`;
  }
  return (
    optionalTextProblem('createWorker: taskQueue', taskQueue) ??
    optionalTextsProblem('createWorker: taskQueues', taskQueues) ??
    activityProblem(activities ?? {}) ??
    optionalFunctionProblem(
      'createWorker: bundlerOptions.webpackConfigHook',
      bundlerOptions?.webpackConfigHook,
    )
  );
}

/** For your own activities: Temporal reports values that are not functions. */
function activityProblem(activities: object): string | undefined {
  const problems = Object.entries(activities).map(([name, activity]: [string, unknown]) =>
    typeof activity === 'function'
      ? functionProblem(`createWorker: activities.${name}`, activity)
      : undefined,
  );
  return problems.find((problem) => problem !== undefined);
}

function hasClose(connection: unknown): boolean {
  return isRecord(connection) && typeof connection['close'] === 'function';
}

interface WorkerConnection {
  connection: NativeConnection;
  namespace: string;
  /** The connection, if it was opened here. */
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

/** Early runs use no activity slots, so there may be half as many on top of them. */
function mostEarlyRuns({
  maxConcurrentActivityTaskExecutions: slots = DEFAULTS.maxConcurrentActivityTaskExecutions,
}: Partial<WorkerOptions>): number {
  return Math.min(MAX_EARLY_RUNS, Math.floor(slots / 2));
}

/** Whether activities are subject to something that an early run would bypass, also through plugins. */
function holdsCallsBack({
  interceptors,
  maxActivitiesPerSecond,
  maxTaskQueueActivitiesPerSecond,
}: Worker['options']): boolean {
  const limits = [maxActivitiesPerSecond, maxTaskQueueActivitiesPerSecond];
  return interceptors.activity.length > 0 || limits.some((limit) => limit !== undefined);
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
 * The calls of abandoned tools have ended, but their timers and sockets keep the process alive. The error
 * ends the process unless the caller catches it. Temporal's worker throws the same error for activities that
 * do not end.
 */
function throwIfToolsRun(abandoned: ReadonlySet<AbandonedTool>): void {
  if (abandoned.size === 0) return;
  const tools = [...abandoned].map(({ tool, callId }) => `${tool} (${callId})`).join(', ');
  throw new GracefulShutdownPeriodExpiredError(
    `The worker has shut down, but these tools ignored their signal and still run: ${tools}. Make them stop when ctx.signal aborts.`,
  );
}

/** Your activities and Plait's. Neither may hide another one of the same name. */
function merged(activities: object | undefined, plait: PlaitActivities): object {
  const doubled = Object.keys(activities ?? {}).filter((name) => Object.hasOwn(plait, name));
  if (doubled.length === 0) return { ...activities, ...plait };
  if (doubled.includes(ANY_OTHER)) {
    throw new DeclarationError(
      'createWorker: activities must not have `default`, which runs the tools of MCP servers; name your activities one by one',
    );
  }
  throw new DeclarationError(
    `createWorker: activities must not have the names of tools, which are activity types too; rename ${doubled.join(', ')}`,
  );
}
