import { NativeConnection } from '@temporalio/worker';
import { createAgentRegistry } from '../../agents/agent-registry.ts';
import type { AgentDefinition } from '../../agents/define-agent.ts';
import { defined } from '../../core/json.ts';
import { openStorage } from '../../storage/open-storage.ts';
import { createWorker } from '../../worker/create-worker.ts';
import type { ScriptedModel } from '../scripted-model.ts';
import { styleFor } from '../style.ts';
import { installRuntime } from '../temporal-runtime.ts';
import type { TemporalTarget } from '../temporal-target.ts';

export interface OwnWorkerOptions {
  target: TemporalTarget;
  agents: readonly AgentDefinition[];
  taskQueue: string;
  /** A directory or a URL. */
  storage: string;
  /** A model without a key. @default Claude, with the key of the environment */
  model: ScriptedModel | undefined;
}

/** Serves agents in this process. Returns a function that drains and stops the worker. */
export async function startWorker(options: OwnWorkerOptions): Promise<() => Promise<void>> {
  const { target, agents, taskQueue, model } = options;
  // Mistakes in the declarations are reported before anything is connected.
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
      ...defined({ anthropic: model?.anthropic }),
      // A person who leaves must not wait for tools to end.
      shutdownGraceTime: '1s',
    });
    const running = worker.run();
    // The returned function reports its error.
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
