import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Client, Connection } from '@temporalio/client';
import { NativeConnection } from '@temporalio/worker';
import { defined } from '../core/json.ts';
import { AgentClient } from 'plait/client';
import { directoryStorage, withStorage } from 'plait/storage';
import { createWorker } from 'plait/worker';
import { agent, agentWithLocalTools, agentWithoutHints } from './agent.ts';
import type { Model } from './model.ts';

/** Workers of one queue that share a storage. Each has its own caches. */
export class Workers {
  readonly agents: AgentClient;
  private readonly stops: (() => Promise<void>)[] = [];
  private readonly model: Model;
  private readonly address: string;
  private readonly connection: Connection;
  private readonly directory: string;
  private readonly taskQueue: string;

  private constructor(
    model: Model,
    address: string,
    connection: Connection,
    directory: string,
    taskQueue: string,
  ) {
    this.model = model;
    this.address = address;
    this.connection = connection;
    this.directory = directory;
    this.taskQueue = taskQueue;
    const dataConverter = withStorage(undefined, directoryStorage(directory));
    const client = new Client({ connection, ...defined({ dataConverter }) });
    this.agents = new AgentClient({ client, taskQueue });
  }

  static async start(model: Model, address: string, count: number): Promise<Workers> {
    const directory = await mkdtemp(join(tmpdir(), 'plait-bench-'));
    const connection = await Connection.connect({ address });
    const taskQueue = directory.split('-').at(-1) ?? '';
    const workers = new Workers(model, address, connection, directory, `bench-${taskQueue}`);
    for (let i = 0; i < count; i += 1) await workers.add();
    return workers;
  }

  async add(): Promise<void> {
    // The SDK allows one worker of a queue for each connection.
    const connection = await NativeConnection.connect({ address: this.address });
    const worker = await createWorker({
      agents: [agent, agentWithoutHints, agentWithLocalTools],
      storage: directoryStorage(this.directory),
      connection,
      taskQueue: this.taskQueue,
      anthropic: this.model.client,
    });
    const running = worker.run();
    this.stops.push(async () => {
      worker.shutdown();
      await running;
      await connection.close();
    });
  }

  /** Replaces the oldest worker by a new one, whose caches are empty. */
  async replace(): Promise<void> {
    await this.add();
    await this.stops.shift()?.();
  }

  async close(): Promise<void> {
    await Promise.all(this.stops.map((stop) => stop()));
    await this.connection.close();
    await rm(this.directory, { recursive: true });
  }
}
