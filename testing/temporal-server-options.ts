import { resolve } from 'node:path';
import type { SearchAttributeTypeName } from '../client/register-search-attributes.ts';
import { LOCAL_HOST } from './free-ports.ts';

/** What `startTemporalServer` takes. */
export interface TemporalServerOptions {
  /** Port of the gRPC service; 0 for a free one. @default a free one */
  readonly port?: number;
  /** Port of the web UI; 0 for a free one. Turns the UI on. @default a free one when `ui` is true */
  readonly uiPort?: number;
  /** Whether to serve the web UI. @default true when `uiPort` is given, otherwise false */
  readonly ui?: boolean;
  /**
   * Port on this machine for the server's Prometheus metrics, at `/metrics`. Among them, `action` counts the
   * Actions that Temporal Cloud would bill. @default a free one that nobody is told
   */
  readonly metricsPort?: number;
  /**
   * SQLite file that keeps everything across restarts. It is created if missing, with its directory. One
   * server at a time can use it. @default in memory, lost when the server ends
   */
  readonly db?: string;
  /** Created if missing. The namespace `default` always exists. @default `default` */
  readonly namespace?: string;
  /** Custom search attributes to register in the namespace, by name, beside Plait's. @default none */
  readonly searchAttributes?: Readonly<Record<string, SearchAttributeTypeName>>;
  /**
   * Server settings by key, on top of Plait's own. A value is JSON; anything else is taken as a string,
   * so `10ms` needs no quotes. @default none
   */
  readonly dynamicConfig?: Readonly<Record<string, string>>;
  /** What the server logs; `recentOutput()` has the newest lines. @default `warn` */
  readonly logLevel?: 'debug' | 'info' | 'warn' | 'error' | 'never';
  /** Called with a sentence when something is skipped, repeated or takes long. @default silent */
  readonly onProgress?: (message: string) => void;
}

/** Settings without which a development server is slower than it needs to be. */
const DYNAMIC_CONFIG: Readonly<Record<string, string>> = {
  // The default of 20 a second stalls every hop of a sequential loop by up to 50 ms.
  'history.transferProcessorMaxPollRPS': '1000',
  // With the default of 100, a workflow task fails and starts again when 50 tools end during it.
  'history.maximumBufferedEventsBatch': '2000',
  // A worker repeats the Updates of a task in its answer, and a workflow whose answer is above 4 MB is
  // terminated. With the default of 20 MB, three large ones at once would end it.
  'history.maxInFlightUpdatePayloads': '2500000',
  // The default of one second is the shortest timer and the shortest pause between two attempts.
  'history.timerProcessorMaxTimeShift': '10ms',
  // A run that continues as new waits until it has lived for this long, a second by default. That slows
  // down tests in which turns and sessions continue after a few events.
  'history.workflowIdReuseMinimalInterval': '1ms',
  // Partitions spread a task queue over several servers. In one, tasks only take longer to find their worker.
  'matching.numTaskqueueReadPartitions': '1',
  'matching.numTaskqueueWritePartitions': '1',
  // A server for tests must not call the network.
  'frontend.enableServerVersionCheck': 'false',
};

/** Where one server listens. */
export interface ServerPorts {
  readonly grpc: number;
  /** Without it there is no web UI. */
  readonly ui: number | undefined;
}

/** The command line of the Temporal CLI for these options. */
export function serverArguments(options: TemporalServerOptions, ports: ServerPorts): string[] {
  const args = ['server', 'start-dev', '--ip', LOCAL_HOST, '--port', String(ports.grpc)];
  args.push(...(ports.ui === undefined ? ['--headless'] : ['--ui-port', String(ports.ui)]));
  if (options.metricsPort !== undefined) args.push('--metrics-port', String(options.metricsPort));
  args.push('--namespace', options.namespace ?? 'default');
  args.push('--log-level', options.logLevel ?? 'warn');
  if (options.db !== undefined) args.push('--db-filename', resolve(options.db));
  for (const [key, value] of Object.entries({ ...DYNAMIC_CONFIG, ...options.dynamicConfig })) {
    args.push('--dynamic-config-value', `${key}=${isJson(value) ? value : JSON.stringify(value)}`);
  }
  return args;
}

function isJson(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}
