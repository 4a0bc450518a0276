import { defined } from '../core/json.ts';
import { temporalIsListening } from '../testing/temporal-connection.ts';
import { whyNotFree } from '../testing/free-ports.ts';
import { startTemporalServer } from '../testing/temporal-server.ts';
import type { TemporalServerOptions } from '../testing/temporal-server.ts';
import { CliError, EXIT_CODES } from './exit-codes.ts';
import type { TemporalTarget } from './temporal-target.ts';
import { configuredTarget } from './temporal-target.ts';

export interface DevServerOptions {
  /** Port of the gRPC service. @default 7233 */
  port?: number;
  /** @default 8233, or a free one when that is in use */
  uiPort?: number;
  /** SQLite file. @default in memory */
  db?: string;
}

export interface DevServer extends TemporalTarget {
  origin: 'configured' | 'found' | 'started';
  uiUrl?: string;
  stop(): Promise<void>;
}

const DEFAULT_PORT = 7233;
const DEFAULT_UI_PORT = 8233;

/**
 * The Temporal server for `plait dev`: the configured one, or one that already listens, or a new one.
 * Reports progress by `say`.
 */
export async function findOrStartServer(
  options: DevServerOptions,
  say: (sentence: string) => void,
): Promise<DevServer> {
  const target = configuredTarget();
  const asked = Object.keys(options).map((name) => (name === 'uiPort' ? '--ui-port' : `--${name}`));
  if (target.configured) {
    rejectOptions(asked, `${target.address} is configured (TEMPORAL_ADDRESS or a profile)`);
    return { ...target, origin: 'configured', stop: leaveAlone };
  }
  const { port = DEFAULT_PORT } = options;
  const address = `localhost:${port}`;
  const connectionOptions = { ...target.connectionOptions, address };
  if (await temporalIsListening(address)) {
    const others = asked.filter((name) => name !== '--port');
    rejectOptions(others, `a Temporal server already listens on ${address}`);
    return { ...target, address, connectionOptions, origin: 'found', stop: leaveAlone };
  }
  say(`No Temporal server listens on ${address}. Starting one.`);
  const server = await start({ ...options, port, namespace: target.namespace }, say);
  const own = { ...connectionOptions, address: server.address };
  return {
    ...target,
    address: server.address,
    connectionOptions: own,
    origin: 'started',
    ...defined({ uiUrl: server.uiUrl }),
    stop: () => server.stop(),
  };
}

/** For a server that this command did not start. */
async function leaveAlone(): Promise<void> {}

function rejectOptions(options: readonly string[], because: string): void {
  if (options.length === 0) return;
  const subject = options.join(' and ');
  throw new CliError(
    EXIT_CODES.wrongInput,
    `${subject} would have no effect: ${because}. Leave ${subject} out, or stop that server first.`,
  );
}

async function start(options: TemporalServerOptions, onProgress: (sentence: string) => void) {
  const uiPort =
    options.uiPort ?? ((await whyNotFree(DEFAULT_UI_PORT)) === undefined ? DEFAULT_UI_PORT : 0);
  try {
    return await startTemporalServer({ ...options, uiPort, onProgress });
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    const withFlags = message.replace('`port`', '--port').replace('`uiPort`', '--ui-port');
    throw new CliError(EXIT_CODES.temporalUnavailable, withFlags, { cause: error });
  }
}
