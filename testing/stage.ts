import { randomUUID } from 'node:crypto';
import { Client, Connection } from '@temporalio/client';
import type { LogLevel, Worker, WorkerOptions } from '@temporalio/worker';
import { NativeConnection } from '@temporalio/worker';
import { AgentClient } from '../client/agent-client.ts';
import { withDefaults } from '../client/connection-options.ts';
import { defined } from '../core/json.ts';
import { withStorage } from '../storage/data-converter.ts';
import type { CreateWorkerOptions } from '../worker/create-worker.ts';
import { createWorker } from '../worker/create-worker.ts';
import { quietRuntime } from './quiet-runtime.ts';
import { startTemporalServer } from './temporal-server.ts';
import { bundleOnce } from './workflow-bundle.ts';

export interface StageOptions extends Omit<CreateWorkerOptions, 'connection'> {
  /**
   * A server that already runs, for example one for all tests of a run: what `startTemporalServer`
   * returns, or an address. It keeps running when the environment is closed. The address may be
   * `undefined`, as in `process.env['TEST_TEMPORAL']`; then the environment starts a server.
   * @default a new server in memory, which ends with the environment
   */
  temporal?: {
    readonly address: string | undefined;
    readonly namespace?: string;
    /**
     * A connection to it, for workers of many environments. Close it yourself. Each connection that has run an
     * activity makes every promise of the process a little slower, even after it is closed.
     * @default one of its own
     */
    readonly connection?: NativeConnection;
  };
  /**
   * What Temporal's workers log. There is one setting per process: that of the first environment, unless
   * you called `Runtime.install` before. @default 'ERROR', since tests let tools fail on purpose
   */
  logLevel?: LogLevel;
}

/** A Temporal server, a worker with your agents, and a client for them, but no model. */
export interface Stage {
  readonly agents: AgentClient;
  readonly worker: Worker;
  readonly taskQueue: string;
  readonly temporal: { readonly address: string; readonly namespace: string };
  /** Cancels what still runs and stops everything that was started. Calling it again does nothing. */
  close(): Promise<void>;
}

/** What test environments and evals run turns on. */
export async function startStage(options: StageOptions): Promise<Stage> {
  const { temporal: given, logLevel, ...workerOptions } = options;
  const cleanups: (() => Promise<void>)[] = [];
  const close = () => runAll(cleanups.splice(0).toReversed());
  quietRuntime(logLevel);
  try {
    const namespace = given?.namespace ?? 'default';
    const address = given?.address ?? (await ownServer(namespace, cleanups));
    const taskQueue = options.taskQueue ?? `test-${randomUUID()}`;
    const native = given?.connection ?? (await ownConnection(address, cleanups));
    const worker = await createWorker({
      // Tools need not finish once the test is over.
      shutdownGraceTime: 0,
      ...(await workflows(workerOptions)),
      ...workerOptions,
      connection: native,
      namespace,
      taskQueue,
    });
    const running = worker.run();
    // When the worker breaks, `close` rejects with its error.
    running.catch(() => undefined);
    cleanups.push(async () => {
      if (worker.getState() === 'RUNNING') worker.shutdown();
      await running;
    });

    const connection = await Connection.connect(withDefaults({ address }));
    cleanups.push(() => connection.close());
    const dataConverter = withStorage(options.dataConverter, options.storage);
    const client = new Client({
      connection,
      namespace,
      ...defined({ dataConverter }),
    });
    const { streamTransport, traces } = options;
    const agents = new AgentClient({
      client,
      taskQueue,
      ...defined({ streamTransport, traces }),
    });
    return { agents, worker, taskQueue, temporal: { address, namespace }, close };
  } catch (error) {
    await close().catch(() => undefined);
    throw error;
  }
}

async function ownConnection(
  address: string,
  cleanups: (() => Promise<void>)[],
): Promise<NativeConnection> {
  const connection = await NativeConnection.connect({ address });
  cleanups.push(() => connection.close());
  return connection;
}

async function ownServer(namespace: string, cleanups: (() => Promise<void>)[]): Promise<string> {
  const server = await startTemporalServer({ namespace });
  cleanups.push(() => server.stop());
  return server.address;
}

/** All environments of the process share one bundle, unless an option changes what is in it. */
async function workflows(options: Partial<WorkerOptions>): Promise<Partial<WorkerOptions>> {
  const { workflowBundle, interceptors, bundlerOptions, plugins } = options;
  const own = [workflowBundle, interceptors, bundlerOptions, plugins];
  if (own.some((option) => option !== undefined)) return {};
  return { workflowBundle: await bundleOnce(options.workflowsPath, options.dataConverter) };
}

/** Closes one after another, even if one fails: the worker, its connections, the server. */
export async function runAll(cleanups: readonly (() => Promise<void>)[]): Promise<void> {
  const errors: unknown[] = [];
  for (const cleanup of cleanups) {
    await cleanup().catch((error: unknown) => errors.push(error));
  }
  if (errors.length > 0) throw errors[0];
}
