import { NativeConnection } from '@temporalio/worker';
import type { AgentDefinition } from '../../agents/define-agent.ts';
import { createAgentRegistry } from '../../agents/agent-registry.ts';
import { openStorage } from '../../storage/open-storage.ts';
import { createWorker } from '../../worker/create-worker.ts';
import { styleFor } from '../style.ts';
import { installRuntime } from '../temporal-runtime.ts';
import type { TemporalTarget } from '../temporal-target.ts';

export interface OwnWorkerOptions {
  target: TemporalTarget;
  agents: readonly AgentDefinition[];
  taskQueue: string;
  /** A directory or a URL. */
  storage: string;
}

/** Serves agents in this process. Returns what drains and ends the worker. */
export async function startWorker(options: OwnWorkerOptions): Promise<() => Promise<void>> {
  const { target, agents, taskQueue } = options;
  // What does not fit together is reported before anything is connected.
  createAgentRegistry(agents);
  const storage = openStorage(options.storage);
  installRuntime(styleFor(process.stderr), { quiet: true });
  const connection = await NativeConnection.connect(target.connectionOptions);
  try {
    const worker = await createWorker({
      agents,
      taskQueue,
      connection,
      namespace: target.namespace,
      storage,
      // Nobody waits for a prompt that does not end.
      shutdownGraceTime: '1s',
    });
    const running = worker.run();
    // Found when it is ended, or by the chat, whose turns do not go on.
    running.catch(() => undefined);
    return async () => {
      if (worker.getState() === 'RUNNING') worker.shutdown();
      await running;
      await connection.close();
      await storage.close();
    };
  } catch (error) {
    await connection.close();
    await storage.close();
    throw error;
  }
}
