import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Client } from '@temporalio/client';
import { NativeConnection } from '@temporalio/worker';
import { AgentClient } from 'plait/client';
import { directoryStorage, withStorage } from 'plait/storage';
import { createWorker } from 'plait/worker';
import { defined } from '../../core/json.ts';
import { agent } from '../agent.ts';
import type { Contender } from '../contender.ts';
import type { Model } from '../model.ts';

/**
 * Plait with its defaults, and a directory for its storage, as with `plait dev`. Its client shares the
 * worker's connection, so that turns start eagerly.
 */
export async function plait(model: Model, address: string): Promise<Contender> {
  const directory = await mkdtemp(join(tmpdir(), 'plait-bench-'));
  const storage = directoryStorage(directory);
  const native = await NativeConnection.connect({ address });
  const worker = await createWorker({
    agents: [agent],
    storage,
    connection: native,
    anthropic: model.client,
  });
  const running = worker.run();
  const dataConverter = withStorage(undefined, storage);
  const client = new Client({ connection: native, ...defined({ dataConverter }) });
  const agents = new AgentClient({ client, requestEagerStart: true });

  return {
    name: 'Plait',
    async runTurn(text, turnId) {
      const result = await agents.execute(agent, text, { turnId });
      return result.messages;
    },
    temporal: client,
    async close() {
      worker.shutdown();
      await running;
      await native.close();
      await rm(directory, { recursive: true });
    },
  };
}
