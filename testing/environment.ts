import { NativeConnection } from '@temporalio/worker';
import type { Worker } from '@temporalio/worker';
import { Client, Connection } from '@temporalio/client';
import { randomUUID } from 'node:crypto';
import { AgentClient } from '../client/agent-client.ts';
import { withStorage } from '../storage/data-converter.ts';
import type { CreateWorkerOptions } from '../worker/create-worker.ts';
import { createWorker } from '../worker/create-worker.ts';
import type { MessagesServer } from './messages-server.ts';
import { startMessagesServer } from './messages-server.ts';
import type { Script } from './script.ts';
import type { TemporalServer } from './temporal-server.ts';
import { startTemporalServer } from './temporal-server.ts';

export interface TestEnvironmentOptions extends Omit<
  CreateWorkerOptions,
  'anthropic' | 'connection'
> {
  /** What the model answers. */
  script: Script;
  /**
   * A server that runs already, for example one for all tests of a run.
   * @default one of its own, ended with the environment
   */
  temporal?: { address: string; namespace?: string };
}

/** A Temporal server, a scripted model, a worker with your agents, and a client for them. */
export interface TestEnvironment extends AsyncDisposable {
  readonly agents: AgentClient;
  /** What the worker asked the model, and where it is. */
  readonly model: MessagesServer;
  readonly worker: Worker;
  readonly taskQueue: string;
  readonly temporal: { address: string; namespace: string; uiUrl?: string };
  close(): Promise<void>;
}

/**
 * Runs your agents for real, without an API key: only the model is scripted.
 *
 * ```ts
 * await using env = await startTestEnvironment({ agents: [myAgent], script });
 * const result = await env.agents.execute(myAgent, 'Hello');
 * ```
 */
export async function startTestEnvironment(
  options: TestEnvironmentOptions,
): Promise<TestEnvironment> {
  const { script, temporal: given, ...workerOptions } = options;
  const cleanups: (() => Promise<void>)[] = [];
  // Last made, first ended: the worker before its connections, and those before the server.
  const close = async () => {
    for (const cleanup of cleanups.splice(0).toReversed()) await cleanup();
  };
  try {
    const temporal = given ?? (await ownServer(cleanups));
    const namespace = temporal.namespace ?? 'default';
    const taskQueue = options.taskQueue ?? `test-${randomUUID()}`;
    const model = await startMessagesServer({ script });
    cleanups.push(() => model.close());

    const native = await NativeConnection.connect({ address: temporal.address });
    cleanups.push(() => native.close());
    const worker = await createWorker({
      ...workerOptions,
      connection: native,
      namespace,
      taskQueue,
      anthropic: { baseURL: model.url, apiKey: 'test' },
    });
    const running = worker.run();
    cleanups.push(async () => {
      if (worker.getState() === 'RUNNING') worker.shutdown();
      await running;
    });

    const connection = await Connection.connect({ address: temporal.address });
    cleanups.push(() => connection.close());
    const dataConverter = withStorage(options.dataConverter, options.storage);
    const client = new Client({
      connection,
      namespace,
      ...(dataConverter === undefined ? {} : { dataConverter }),
    });
    const agents = new AgentClient({ client, taskQueue });
    const server = { ...temporal, namespace };
    return {
      agents,
      model,
      worker,
      taskQueue,
      temporal: server,
      close,
      [Symbol.asyncDispose]: close,
    };
  } catch (error) {
    await close();
    throw error;
  }
}

async function ownServer(cleanups: (() => Promise<void>)[]): Promise<TemporalServer> {
  const server = await startTemporalServer({ ui: false });
  cleanups.push(() => server.stop());
  return server;
}
