import { once } from 'node:events';
import { DEFAULT_TASK_QUEUE } from '../../core/names.ts';
import type { ServeMessage } from '../dev-worker-process.ts';
import { EXIT_CODES } from '../exit-codes.ts';
import type { ExitCode } from '../exit-codes.ts';
import { loadAgents } from '../load-module.ts';
import { startScriptedModel } from '../scripted-model.ts';
import { styleFor } from '../style.ts';
import { configuredTarget } from '../temporal-target.ts';

/** The process of `plait dev` that runs the agents. It loads them, and serves them on request. */
export async function devWorkerCommand(
  module: string,
  options: { model?: string },
): Promise<ExitCode> {
  // The parent command is gone, and perhaps the server with it.
  process.once('disconnect', () => process.kill(process.pid, 'SIGTERM'));
  const agents = await loadAgents(module);
  const model = await startScriptedModel(options.model);
  const message = once(process, 'message') as Promise<[ServeMessage]>;
  process.send?.('loaded');
  const { serveAgents } = await import('../serve-agents.ts');
  const [{ address, taskQueue, storage }] = await message;
  const target = configuredTarget();
  const queueOption = taskQueue === DEFAULT_TASK_QUEUE ? '' : ` --task-queue ${taskQueue}`;
  await serveAgents({
    target: { ...target, address, connectionOptions: { ...target.connectionOptions, address } },
    agents,
    taskQueue,
    storage,
    model,
    ready: `Ready. In another terminal: plait run ${agents[0]?.name ?? ''} "…"${queueOption}`,
    style: styleFor(process.stdout),
  });
  await model?.close();
  return EXIT_CODES.ok;
}
