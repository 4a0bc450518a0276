import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { MessageParam } from '@anthropic-ai/sdk/resources/messages';
import { Client } from '@temporalio/client';
import { NativeConnection } from '@temporalio/worker';
import { AgentClient } from 'plait/client';
import { directoryStorage, withStorage } from 'plait/storage';
import type { StreamTransport } from 'plait/transport';
import { createWorker } from 'plait/worker';
import { defined } from '../../core/json.ts';
import { agent, agentWithLocalTools, agentWithoutEarlyStarts } from '../agent.ts';
import type { Contender } from '../contender.ts';
import type { Model } from '../model.ts';
import type { Scenario } from '../scenarios.ts';

/**
 * Plait with its defaults, and a directory for its storage, as with `plait dev`. Its client shares the
 * worker's connection, so that turns start eagerly. With calls that start when the whole reply has come, it
 * is a contender of its own where that makes a difference.
 */
export async function plait(model: Model, address: string): Promise<Contender[]> {
  const started = await start(model, address, 'plait');
  const { agents, client } = started;
  const run = async (chosen: typeof agent, text: string, turnId: string) => {
    const result = await agents.execute(chosen, text, { turnId });
    return result.messages;
  };
  return [
    {
      name: 'Plait',
      runTurn: (text, turnId) => run(agent, text, turnId),
      temporal: client,
      close: () => started.close(),
    },
    {
      name: 'Plait, local calls',
      takesPart: (scenario) => !isPaced(scenario),
      runTurn: (text, turnId) => run(agentWithLocalTools, text, turnId),
      temporal: client,
      close: async () => undefined,
    },
    {
      name: 'Plait, no early starts',
      takesPart: isPaced,
      runTurn: (text, turnId) => run(agentWithoutEarlyStarts, text, turnId),
      temporal: client,
      close: async () => undefined,
    },
  ];
}

/** The same with `stream: true`, followed to its end: in heartbeats, or over a transport. */
export async function followedPlait(
  model: Model,
  address: string,
  streamTransport?: StreamTransport,
): Promise<Contender> {
  const way = streamTransport === undefined ? 'heartbeats' : 'transport';
  const started = await start(model, address, `plait-${way}`, streamTransport);
  const { agents, client } = started;
  return {
    name: `Plait, ${way}`,
    takesPart: isPaced,
    async runTurn(text, turnId): Promise<MessageParam[]> {
      const turn = await agents.start(agent, text, { turnId, stream: true });
      for await (const event of turn.stream()) if (event.type === 'turnEnded') break;
      return (await turn.result()).messages;
    },
    temporal: client,
    close: () => started.close(),
  };
}

async function start(
  model: Model,
  address: string,
  taskQueue: string,
  streamTransport?: StreamTransport,
) {
  const directory = await mkdtemp(join(tmpdir(), 'plait-bench-'));
  const storage = directoryStorage(directory);
  const native = await NativeConnection.connect({ address });
  const worker = await createWorker({
    agents: [agent, agentWithLocalTools, agentWithoutEarlyStarts],
    storage,
    connection: native,
    taskQueue,
    anthropic: model.client,
    ...defined({ streamTransport }),
  });
  const running = worker.run();
  const dataConverter = withStorage(undefined, storage);
  const client = new Client({ connection: native, ...defined({ dataConverter }) });
  const agents = new AgentClient({
    client,
    taskQueue,
    requestEagerStart: true,
    ...defined({ streamTransport }),
  });
  return {
    agents,
    client,
    async close() {
      worker.shutdown();
      await running;
      await native.close();
      await rm(directory, { recursive: true });
    },
  };
}

function isPaced({ paced }: Scenario): boolean {
  return paced === true;
}
