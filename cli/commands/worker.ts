import { EXIT_CODES } from '../exit-codes.ts';
import type { ExitCode } from '../exit-codes.ts';
import { loadAgents, loadTraces } from '../load-module.ts';
import { metricsSetting } from '../metrics-setting.ts';
import { say } from '../say.ts';
import { storageSetting } from '../storage-setting.ts';
import { styleFor } from '../style.ts';
import { field } from '../worker-report.ts';

export interface WorkerCommandOptions {
  taskQueue: string;
  /** Only these of the task queues that the agents need. @default all of them */
  taskQueues?: readonly string[];
  /** Options of `createWorker`. @default no limit */
  maxConcurrentModelCalls?: number;
  maxModelCallsPerSecond?: number;
  /** A directory or a URL, the same for all workers of the task queue. @default PLAIT_STORAGE */
  storage?: string;
  /** A URL, the same for all workers and clients. @default PLAIT_STREAM_TRANSPORT */
  streamTransport?: string;
  /** An IP address and a port. @default PLAIT_METRICS */
  metrics?: string;
}

/** `plait worker`: a worker for the configured Temporal server, until a signal. */
export async function workerCommand(
  module: string,
  { storage, streamTransport, metrics, taskQueue, taskQueues, ...limits }: WorkerCommandOptions,
): Promise<ExitCode> {
  const style = styleFor(process.stdout);
  const metricsAddress = metricsSetting(metrics);
  // Fails before the rest is loaded, which takes a second.
  const agents = await loadAgents(module);
  const traces = await loadTraces(module);
  const { configuredTarget } = await import('../temporal-target.ts');
  const { serveAgents } = await import('../serve-agents.ts');
  const target = configuredTarget();
  say(field('Temporal', `${style.bold(target.address)}, namespace ${target.namespace}`, style));
  await serveAgents({
    target,
    agents,
    taskQueue,
    taskQueues,
    limits,
    storage: storageSetting(storage),
    streamTransport,
    metrics: metricsAddress,
    traces,
    ready: 'Ready.',
    style,
  });
  return EXIT_CODES.ok;
}
