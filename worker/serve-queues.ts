import { defined } from '../core/json.ts';
import type { NativeConnection, WorkerOptions, WorkerStatus } from '@temporalio/worker';
import { Worker } from '@temporalio/worker';
import { DeclarationError } from '../agents/declaration-error.ts';
import type { AgentDefinition } from '../agents/define-agent.ts';

/** The task queues that agents need, each once. */
interface NeededQueues {
  /** Where their turns are started. */
  turns: string;
  /** Those that their tools have for themselves. */
  tools: readonly string[];
  /** Those that their model calls have for themselves. */
  models: readonly string[];
}

/** Limits for the model calls of a queue of their own. */
export interface ModelLimits {
  maxConcurrentModelCalls?: number | undefined;
  maxModelCallsPerSecond?: number | undefined;
}

export function queuesOf(agents: readonly AgentDefinition[], turns: string): NeededQueues {
  const tools = agents.flatMap((agent) => [...agent.tools.values()]);
  const named = new Set(tools.flatMap(({ policy }) => policy.taskQueue ?? []));
  const models = new Set(agents.flatMap(({ modelTaskQueue }) => modelTaskQueue ?? []));
  const own = (names: Set<string>) => [...names].filter((name) => name !== turns);
  const shared = own(models).filter((name) => named.has(name));
  if (shared.length > 0) {
    throw new DeclarationError(
      `modelTaskQueue: a tool has the task queue ${shared.join(', ')} too, and what limits the one would limit the other; name another`,
    );
  }
  return { turns, tools: own(named), models: own(models) };
}

/** Refuses limits that would hold for nothing: the worker serves `queues` of what is needed. */
export function checkModelLimits(
  limits: ModelLimits,
  { models }: NeededQueues,
  queues: readonly string[],
): void {
  const { maxConcurrentModelCalls: calls, maxModelCallsPerSecond: rate } = limits;
  if (calls !== undefined && !(Number.isInteger(calls) && calls >= 1)) {
    throw new DeclarationError(`maxConcurrentModelCalls: ${calls} is no whole number from 1`);
  }
  if (rate !== undefined && !(Number.isFinite(rate) && rate > 0)) {
    throw new DeclarationError(`maxModelCallsPerSecond: ${rate} is no number above 0`);
  }
  const given = Object.entries(limits).flatMap(([name, limit]) =>
    limit === undefined ? [] : name,
  );
  if (given.length === 0 || models.some((name) => queues.includes(name))) return;
  if (models.length > 0) {
    throw new DeclarationError(
      `${given.join(', ')}: this worker serves none of the queues for model calls (${models.join(', ')}); give the limits to the workers that do`,
    );
  }
  throw new DeclarationError(
    `${given.join(', ')}: no agent has a \`modelTaskQueue\` beside the queue of the turns, where tools would be slowed too; give one to the agents`,
  );
}

/** Those of the needed queues that `taskQueues` asks for, all of them where it does not say. */
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
  const problem =
    unknown.length === 0
      ? 'is empty, and a worker must serve something; leave it out to serve all'
      : `neither the turns, the model calls nor a tool of these agents use ${unknown.join(', ')}`;
  throw new DeclarationError(`taskQueues: ${problem} (known: ${known.join(', ')})`);
}

type OptionsOfAll = Omit<WorkerOptions, 'taskQueue'>;

/** One worker for these of the needed task queues; that of the turns, if it is among them, first. */
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
  // The SDK makes an instance of the class on which `create` is called, but does not say so.
  const leader = (await LeadingWorker.create(optionsFor(first))) as LeadingWorker;
  try {
    for (const taskQueue of more) leader.lead(await Worker.create(optionsFor(taskQueue)));
    return leader;
  } catch (error) {
    // A worker that was made holds its connection until it has run.
    await leader.runUntil(Promise.resolve()).catch(() => undefined);
    throw error;
  }
}

/** A rate that is meant for a tool would slow every model call, and nobody would see why. */
function forTurns(options: OptionsOfAll, { tools }: NeededQueues): OptionsOfAll {
  const rest = { ...options };
  if (tools.length > 0) delete rest.maxTaskQueueActivitiesPerSecond;
  return rest;
}

/** Workflows are bundled and polled for the queue of the turns alone. */
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
  // It would decide the number of calls, and Temporal refuses both.
  if (calls !== undefined) delete rest.tuner;
  return {
    ...rest,
    ...defined({
      maxConcurrentActivityTaskExecutions: calls,
      maxTaskQueueActivitiesPerSecond: rate,
    }),
  };
}

/** Temporal's worker serves one task queue. This one leads others, which live and die with it. */
class LeadingWorker extends Worker {
  readonly #others: Worker[] = [];

  lead(other: Worker): void {
    this.#others.push(other);
  }

  override async run(): Promise<void> {
    // Temporal refuses a second run; that must not end the first.
    if (this.getState() !== 'INITIALIZED') return super.run();
    const errors: unknown[] = [];
    const runs = [super.run(), ...this.#others.map((other) => other.run())];
    await Promise.all(
      runs.map(async (run) => {
        await run.catch((error: unknown) => errors.push(error));
        this.#shutdownRunning();
      }),
    );
    // What comes after the first only follows from it.
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

  /** The numbers of activities are those of all; the rest is that of the first queue. */
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

  /** One with a new certificate, for example, is meant for every queue. */
  override set connection(connection: NativeConnection) {
    for (const other of this.#others) other.connection = connection;
    super.connection = connection;
  }
}
