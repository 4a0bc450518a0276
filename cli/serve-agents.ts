import { NativeConnection } from '@temporalio/worker';
import { createAgentRegistry } from '../agents/agent-registry.ts';
import type { AgentDefinition } from '../agents/define-agent.ts';
import { defined } from '../core/json.ts';
import type { Traces } from '../core/trace/traces.ts';
import { openStorage } from '../storage/open-storage.ts';
import type { CreateWorkerOptions } from '../worker/create-worker.ts';
import { createWorker } from '../worker/create-worker.ts';
import { checkModelLimits, chosenQueues, queuesOf } from '../worker/serve-queues.ts';
import { metricsUnavailable } from './metrics-setting.ts';
import { say } from './say.ts';
import type { ScriptedModel } from './scripted-model.ts';
import { runUntilSignal } from './signals.ts';
import { configuredTransport } from './storage-setting.ts';
import type { Style } from './style.ts';
import { styleFor } from './style.ts';
import { installRuntime } from './temporal-runtime.ts';
import type { TemporalTarget } from './temporal-target.ts';
import { connectTo } from './temporal-target.ts';
import { agentFields, field } from './worker-report.ts';

export interface ServeOptions {
  target: TemporalTarget;
  agents: readonly AgentDefinition[];
  taskQueue: string;
  /** Only these of the task queues that the agents need. @default all of them */
  taskQueues?: readonly string[] | undefined;
  /** For the model calls of agents with a `modelTaskQueue`. @default none */
  limits?: Pick<CreateWorkerOptions, 'maxConcurrentModelCalls' | 'maxModelCallsPerSecond'>;
  /** A directory or a URL. */
  storage: string | undefined;
  /** A URL. @default PLAIT_STREAM_TRANSPORT */
  streamTransport?: string | undefined;
  /** Where Prometheus finds metrics: an IP address and a port. @default nowhere */
  metrics?: string | undefined;
  /** Where traces go. @default nowhere */
  traces?: Traces | undefined;
  /** A model without a key. @default Claude, with the key of the environment */
  model?: ScriptedModel | undefined;
  /** Printed when the worker polls. */
  ready: string;
  style: Style;
}

/** Runs a worker for these agents until a signal, and prints what it does. */
export async function serveAgents(options: ServeOptions): Promise<void> {
  const {
    target,
    agents,
    taskQueue,
    taskQueues,
    limits = {},
    metrics,
    traces,
    model,
    style,
  } = options;
  // Mistakes in the declarations are reported before anything is connected.
  createAgentRegistry(agents);
  const storage = options.storage === undefined ? undefined : openStorage(options.storage);
  const streamTransport = configuredTransport(options.streamTransport);
  const needed = queuesOf(agents, taskQueue);
  const queues = chosenQueues(needed, taskQueues);
  checkModelLimits(limits, needed, queues);
  const client = await connectTo(target);
  await client.connection.close();

  say(field('task queue', style.bold(queues.join(', ')), style));
  if (storage !== undefined) say(field('storage', storage.location, style));
  if (streamTransport !== undefined) say(field('streams', streamTransport.location, style));
  if (metrics !== undefined) say(field('metrics', `http://${metrics}/metrics`, style));
  if (traces !== undefined) say(field('traces', 'by OpenTelemetry', style));
  for (const line of agentFields(agents, style)) say(line);
  if (model !== undefined) say(field('model', model.description, style));

  // Not earlier: the native runtime keeps a process without a worker alive.
  try {
    installRuntime(styleFor(process.stderr), defined({ metrics }));
  } catch (error) {
    if (metrics === undefined) throw error;
    throw metricsUnavailable(metrics, error);
  }
  const connection = await NativeConnection.connect(target.connectionOptions);
  try {
    const worker = await createWorker({
      agents,
      taskQueue,
      taskQueues: queues,
      ...limits,
      connection,
      namespace: target.namespace,
      ...defined({ storage, streamTransport, anthropic: model?.anthropic, traces }),
    });
    say(`\n${options.ready}\nPress Ctrl-C to stop.`);
    await runUntilSignal(worker, () => {
      const { numInFlightActivities: calls } = worker.getStatus();
      const subject = calls === 1 ? '1 running call has' : `${calls} running calls have`;
      const open = calls === 0 ? '' : `: ${subject} 10 s to finish`;
      say(`\nDraining${open}. Press Ctrl-C again to stop at once.`);
    });
    say('Drained.');
  } finally {
    await connection.close();
    await storage?.close();
    await streamTransport?.close();
  }
}
