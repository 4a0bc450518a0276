import type { DevServer, DevServerOptions } from '../dev-server.ts';
import { devStorage, storageSetting } from '../storage-setting.ts';
import { EXIT_CODES } from '../exit-codes.ts';
import type { ExitCode } from '../exit-codes.ts';
import { loadAgents } from '../load-module.ts';
import { startScriptedModel } from '../scripted-model.ts';
import { say } from '../say.ts';
import type { Style } from '../style.ts';
import { styleFor } from '../style.ts';
import { field } from '../worker-report.ts';

export interface DevOptions extends DevServerOptions {
  taskQueue: string;
  /** `scripted`, or the path of a script. @default Claude */
  model?: string;
}

/** `plait dev`: a Temporal server, if there is none, and a worker, until Ctrl-C. */
export async function devCommand(module: string, options: DevOptions): Promise<ExitCode> {
  const style = styleFor(process.stdout);
  const { taskQueue, model: asked, ...serverOptions } = options;
  // Fails before anything is loaded or started.
  const agents = await loadAgents(module);
  const model = await startScriptedModel(asked);
  const { findOrStartServer } = await import('../dev-server.ts');
  const { serveAgents } = await import('../serve-agents.ts');
  const server = await findOrStartServer(serverOptions, (text) => say(style.dim(`  ${text}`)));
  try {
    for (const line of serverFields(server, options.db, style)) say(line);
    const example = agents[0]?.name ?? '';
    const ready = `Ready. In another terminal: plait run ${example} "…"${taskQueueOption(taskQueue)}`;
    await serveAgents({
      target: server,
      agents,
      taskQueue,
      model,
      storage: storageSetting(undefined) ?? devStorage(),
      ready,
      style,
    });
  } finally {
    await server.stop();
    await model?.close();
  }
  return EXIT_CODES.ok;
}

function serverFields(server: DevServer, db: string | undefined, style: Style): string[] {
  const origins: Record<DevServer['origin'], string> = {
    configured: 'configured',
    found: 'already running',
    started: db === undefined ? 'in memory; ends with this command' : `data in ${db}`,
  };
  const where = `${style.bold(server.address)}, namespace ${server.namespace} (${origins[server.origin]})`;
  return [
    field('Temporal', where, style),
    ...(server.uiUrl === undefined ? [] : [field('UI', style.bold(server.uiUrl), style)]),
  ];
}

function taskQueueOption(taskQueue: string): string {
  return taskQueue === 'plait' ? '' : ` --task-queue ${taskQueue}`;
}
