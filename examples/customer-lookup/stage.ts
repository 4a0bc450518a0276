import { Client, Connection } from '@temporalio/client';
import { NativeConnection } from '@temporalio/worker';
import type { Agent } from 'plait';
import { AgentClient } from 'plait/client';
import type { Script } from 'plait/testing';
import { startMessagesServer, startTemporalServer } from 'plait/testing';
import { createWorker } from 'plait/worker';
import { styleFor } from '../../cli/style.ts';
import { installRuntime } from '../../cli/temporal-runtime.ts';

/** The agent, and what answers for the model. */
export interface Cast {
  agent: Agent;
  /** What the model says. @default the real Messages API is asked */
  script: Script | undefined;
}

/** Everything that the demo needs, on free ports of this machine. */
export interface Stage {
  agents: AgentClient;
  address: string;
  uiUrl: string;
  /** The page of a turn in the Temporal UI. */
  linkTo(turnId: string): string;
  close(): Promise<void>;
}

export async function openStage(
  { agent, script }: Cast,
  onProgress: (text: string) => void,
): Promise<Stage> {
  const cleanups: (() => Promise<void>)[] = [];
  // Closed in reverse order: the worker before its connections, and those before the server.
  const close = async (): Promise<void> => {
    for (const cleanup of cleanups.splice(0).toReversed()) await cleanup();
  };
  try {
    const server = await startTemporalServer({ ui: true, onProgress });
    cleanups.push(() => server.stop());
    const { address, namespace, uiUrl = '' } = server;
    installRuntime(styleFor(process.stderr), { quiet: true });
    const native = await NativeConnection.connect({ address });
    cleanups.push(() => native.close());
    const worker = await createWorker({
      agents: [agent],
      connection: native,
      namespace,
      ...(script === undefined ? {} : { anthropic: await scriptedModel(script, cleanups) }),
    });
    const running = worker.run();
    cleanups.push(async () => {
      if (worker.getState() === 'RUNNING') worker.shutdown();
      await running;
    });
    const connection = await Connection.connect({ address });
    cleanups.push(() => connection.close());
    const client = new Client({ connection, namespace });
    const linkTo = (turnId: string) => `${uiUrl}/namespaces/${namespace}/workflows/${turnId}`;
    return { agents: new AgentClient({ client }), address, uiUrl, linkTo, close };
  } catch (error) {
    await close();
    throw error;
  }
}

async function scriptedModel(script: Script, cleanups: (() => Promise<void>)[]) {
  const model = await startMessagesServer({ script });
  cleanups.push(() => model.close());
  return { baseURL: model.url, apiKey: 'scripted' };
}
