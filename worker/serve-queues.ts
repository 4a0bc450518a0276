import type { NativeConnection, WorkerOptions, WorkerStatus } from '@temporalio/worker';
import { Worker } from '@temporalio/worker';
import { shown, wrongOptions } from '../agents/check-options.ts';
import type { AgentDefinition } from '../agents/define-agent.ts';
import { defined } from '../core/json.ts';

/** The task queues that agents need, each once. */
interface NeededQueues {
  /** The queue of their turns. */
  turns: string;
  /** Other queues, of tools. */
  tools: readonly string[];
  /** Other queues, of model calls. */
  models: readonly string[];
}

/** Limits for the model calls of each `modelTaskQueue`. */
export interface ModelLimits {
  maxConcurrentModelCalls?: number | undefined;
  maxModelCallsPerSecond?: number | undefined;
}

export function queuesOf(agents: readonly AgentDefinition[], turns: string): NeededQueues {
  const tools = agents.flatMap((agent) => [...agent.tools.values()]);
  const servers = agents.flatMap((agent) => agent.servers ?? []);
  const named = new Set([
    ...tools.flatMap(({ policy }) => policy.taskQueue ?? []),
    ...servers.flatMap(({ taskQueues }) => taskQueues),
  ]);
  const models = new Set(agents.flatMap(({ modelTaskQueue }) => modelTaskQueue ?? []));
  const own = (names: Set<string>) => [...names].filter((name) => name !== turns);
  const shared = own(models).filter((name) => named.has(name));
  if (shared.length > 0) {
    throw invalid(
      `modelTaskQueue: a tool has the task queue ${shared.join(', ')} too, so a limit of one would slow the other; name another queue`,
    );
  }
  return { turns, tools: own(named), models: own(models) };
}

const invalid = (...problems: string[]) => wrongOptions('createWorker', problems);

/** Throws for invalid limits, and for limits that no queue of this worker would have. */
export function checkModelLimits(
  limits: ModelLimits,
  { models }: NeededQueues,
  queues: readonly string[],
): void {
  const { maxConcurrentModelCalls: calls, maxModelCallsPerSecond: rate } = limits;
  if (calls !== undefined && !(Number.isInteger(calls) && calls >= 1)) {
    throw invalid(
      `maxConcurrentModelCalls must be a whole number of at least 1; got ${shown(calls)}`,
    );
  }
  if (rate !== undefined && !(Number.isFinite(rate) && rate > 0)) {
    throw invalid(`maxModelCallsPerSecond must be a number above 0; got ${shown(rate)}`);
  }
  const given = Object.keys(defined(limits));
  if (given.length === 0 || models.some((name) => queues.includes(name))) return;
  const reason =
    models.length > 0
      ? `this worker serves no queue of model calls (${models.join(', ')}); set them on the workers that do`
      : 'no agent has a `modelTaskQueue` other than the queue of the turns, where limits would slow tools too; give the agents one';
  throw invalid(`${given.join(', ')}: ${reason}`);
}

/** The queues that this worker serves: those in `taskQueues`, by default all that the agents need. */
export function chosenQueues(
  needed: NeededQueues,
  taskQueues: readonly string[] | undefined,
): readonly string[] {
  const known = [needed.turns, ...needed.models, ...needed.tools];
  if (taskQueues === undefined) return known;
  const unknown = taskQueues.filter((name) => !known.includes(name));
  if (taskQueues.length > 0 && unknown.length === 0) {
    return known.filter((name) => taskQueues.includes(name));
  }
  const list = known.join(', ');
  throw invalid(
    unknown.length === 0
      ? `taskQueues must not be empty: leave the option out to serve all queues (${list})`
      : `taskQueues: these agents do not use ${unknown.join(', ')}; their queues: ${list}`,
  );
}

type OptionsOfAll = Omit<WorkerOptions, 'taskQueue'>;

/** One worker for these queues. `queues` has that of the turns first, if it is among them. */
export async function serveQueues(
  queues: readonly string[],
  needed: NeededQueues,
  options: OptionsOfAll,
  limits: ModelLimits,
): Promise<Worker> {
  const optionsFor = (taskQueue: string): WorkerOptions => {
    if (taskQueue === needed.turns) return { ...forTurns(options, needed), taskQueue };
    const isOfModels = needed.models.includes(taskQueue);
    return { ...(isOfModels ? forModels(options, limits) : forTools(options)), taskQueue };
  };
  const [first = needed.turns, ...more] = queues;
  // The SDK creates an instance of the class on which `create` is called, although its type does not say so.
  const leader = (await LeadingWorker.create(optionsFor(first))) as LeadingWorker;
  try {
    for (const taskQueue of more) leader.lead(await Worker.create(optionsFor(taskQueue)));
    return leader;
  } catch (error) {
    // A created worker uses its connection until it has run.
    await leader.runUntil(Promise.resolve()).catch(() => undefined);
    throw error;
  }
}

/** Without the rate limit if a tool has a queue for it: it would slow every model call down. */
function forTurns(options: OptionsOfAll, { tools }: NeededQueues): OptionsOfAll {
  const rest = { ...options };
  if (tools.length > 0) delete rest.maxTaskQueueActivitiesPerSecond;
  return rest;
}

/** Without workflows: only the queue of the turns needs them. */
function forTools(options: OptionsOfAll): OptionsOfAll {
  const rest = { ...options };
  delete rest.workflowsPath;
  delete rest.workflowBundle;
  delete rest.nexusServices;
  return rest;
}

function forModels(
  options: OptionsOfAll,
  { maxConcurrentModelCalls: calls, maxModelCallsPerSecond: rate }: ModelLimits,
): OptionsOfAll {
  const rest = forTools(options);
  delete rest.maxTaskQueueActivitiesPerSecond;
  // A tuner decides the number of calls itself, and Temporal rejects both together.
  if (calls !== undefined) delete rest.tuner;
  return {
    ...rest,
    ...defined({
      maxConcurrentActivityTaskExecutions: calls,
      maxTaskQueueActivitiesPerSecond: rate,
    }),
  };
}

/** A Temporal worker serves one task queue. This one also starts and stops the workers of the others. */
class LeadingWorker extends Worker {
  readonly #others: Worker[] = [];

  lead(other: Worker): void {
    this.#others.push(other);
  }

  override async run(): Promise<void> {
    // Temporal rejects a second run, which must not end the first.
    if (this.getState() !== 'INITIALIZED') return super.run();
    const errors: unknown[] = [];
    const runs = [super.run(), ...this.#others.map((other) => other.run())];
    await Promise.all(
      runs.map(async (run) => {
        await run.catch((error: unknown) => errors.push(error));
        this.#shutdownRunning();
      }),
    );
    // The other errors are only consequences of the first.
    if (errors.length > 0) throw errors[0];
  }

  override shutdown(): void {
    super.shutdown();
    this.#shutdownRunning();
  }

  #shutdownRunning(): void {
    for (const worker of [this, ...this.#others]) {
      if (worker.getState() === 'RUNNING') worker.shutdown();
    }
  }

  /** Counts the activities of all queues. Everything else is about the first queue. */
  override getStatus(): WorkerStatus {
    const status = super.getStatus();
    for (const other of this.#others) {
      const more = other.getStatus();
      status.numInFlightActivities += more.numInFlightActivities;
      status.numInFlightNonLocalActivities += more.numInFlightNonLocalActivities;
      status.numInFlightLocalActivities += more.numInFlightLocalActivities;
      status.numHeartbeatingActivities += more.numHeartbeatingActivities;
    }
    return status;
  }

  override get connection(): NativeConnection | undefined {
    return super.connection;
  }

  /** Replaces the connection for every queue, for example to use a new certificate. */
  override set connection(connection: NativeConnection) {
    for (const other of this.#others) other.connection = connection;
    super.connection = connection;
  }
}
