import { deferred } from '../../core/deferred.ts';
import type { DevServer, DevServerOptions } from '../dev-server.ts';
import type { ServeMessage } from '../dev-worker-process.ts';
import { DevWorkerProcess } from '../dev-worker-process.ts';
import type { ExitCode } from '../exit-codes.ts';
import { say } from '../say.ts';
import { devStorage, storageSetting } from '../storage-setting.ts';
import type { Style } from '../style.ts';
import { styleFor } from '../style.ts';
import { watchSources } from '../watch-sources.ts';
import { field } from '../worker-report.ts';

export interface DevOptions extends DevServerOptions {
  taskQueue: string;
  /** `scripted`, or the path of a script. @default Claude */
  model?: string;
}

/**
 * `plait dev`: a Temporal server, if there is none, and a worker, until Ctrl-C. A change of a source file
 * starts the worker again. Turns go on with the new one.
 */
export async function devCommand(module: string, options: DevOptions): Promise<ExitCode> {
  const style = styleFor(process.stdout);
  const { taskQueue, model, ...serverOptions } = options;
  const worker = new DevWorkerProcess(module, model);
  let server: DevServer | undefined;
  try {
    // Fails before anything is started.
    const failed = await worker.loaded();
    if (failed !== undefined) return failed;
    const { findOrStartServer } = await import('../dev-server.ts');
    server = await findOrStartServer(serverOptions, (text) => say(style.dim(`  ${text}`)));
    for (const line of serverFields(server, options.db, style)) say(line);
    const { address } = server;
    const storage = storageSetting(undefined) ?? devStorage();
    return await serveChanging({ module, model, worker }, { address, taskQueue, storage });
  } finally {
    worker.signal('SIGTERM');
    await server?.stop();
  }
}

interface Served {
  module: string;
  model: string | undefined;
  worker: DevWorkerProcess;
}

/** Serves the module until a signal or until its worker ends, and replaces the worker after a change. */
async function serveChanging(
  { module, model, worker: first }: Served,
  message: ServeMessage,
): Promise<ExitCode> {
  let worker = first;
  let next: DevWorkerProcess | undefined;
  let changed = deferred<string>();
  const stopWatching = watchSources(module, (file) => changed.resolve(file));
  const signals = ['SIGINT', 'SIGTERM'] as const;
  let stopping = false;
  const pass = (signal: NodeJS.Signals): void => {
    stopping = true;
    worker.signal(signal);
    next?.signal(signal);
  };
  for (const signal of signals) process.on(signal, pass);
  try {
    worker.serve(message);
    for (;;) {
      const event = await Promise.race([worker.ended, changed.promise]);
      if (typeof event === 'number' || stopping) return await worker.ended;
      changed = deferred<string>();
      say(`\n${event} has changed. Loading the agents again.`);
      next = new DevWorkerProcess(module, model);
      if ((await next.loaded()) === undefined) {
        worker.signal('SIGTERM');
        await worker.ended;
        worker = next;
        worker.serve(message);
      } else if (!stopping) say('The worker goes on with what it had. Correct the file.');
      next = undefined;
    }
  } finally {
    for (const signal of signals) process.off(signal, pass);
    stopWatching();
  }
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
