import { NativeConnection } from '@temporalio/worker';
import type { AgentDefinition } from '../../agents/define-agent.ts';
import { createAgentRegistry } from '../../agents/agent-registry.ts';
import { directoryStorage } from '../../storage/directory.ts';
import { createWorker } from '../../worker/create-worker.ts';
import { styleFor } from '../style.ts';
import { installRuntime } from '../temporal-runtime.ts';
import type { TemporalTarget } from '../temporal-target.ts';

export interface OwnWorkerOptions {
  target: TemporalTarget;
  agents: readonly AgentDefinition[];
  taskQueue: string;
  /** A directory. */
  storage: string;
}

/** Serves agents in this process. Returns what drains and ends the worker. */
export async function startWorker(options: OwnWorkerOptions): Promise<() => Promise<void>> {
  const { target, agents, taskQueue, storage } = options;
  createAgentRegistry(agents);
  installRuntime(styleFor(process.stderr), { quiet: true });
  const connection = await NativeConnection.connect(target.connectionOptions);
  try {
    const worker = await createWorker({
      agents,
      taskQueue,
      connection,
      namespace: target.namespace,
      storage: directoryStorage(storage),
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
    };
  } catch (error) {
    await connection.close();
    throw error;
  }
}
