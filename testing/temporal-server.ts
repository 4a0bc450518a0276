import { mkdir } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { registerSearchAttributes, untilKnown } from '../client/register-search-attributes.ts';
import { causeChain } from '../core/failures.ts';
import { SEARCH_ATTRIBUTES } from '../core/search-attributes.ts';
import { acceptsConnections, checkReady, openConnection } from './find-temporal.ts';
import { freePorts, LOCAL_HOST, whyNotFree } from './free-ports.ts';
import { findTemporalBinary } from './temporal-binary.ts';
import type { TemporalBinary } from './temporal-binary.ts';
import { startTemporalProcess } from './temporal-process.ts';
import type { TemporalProcess } from './temporal-process.ts';
import { serverArguments } from './temporal-server-options.ts';
import type { ServerPorts, TemporalServerOptions } from './temporal-server-options.ts';

/** A development server that ends with this process, however this process ends. */
export interface TemporalServer extends AsyncDisposable {
  /** Host and port of the gRPC service, as the SDK's connections want it. */
  readonly address: string;
  readonly namespace: string;
  /** Where the web UI is, when it was asked for. */
  readonly uiUrl?: string;
  readonly pid: number;
  /** Which Temporal CLI runs. */
  readonly binary: TemporalBinary;
  /** The newest lines (up to 50) that the server wrote, oldest first. */
  recentOutput(): readonly string[];
  /** Ends the server in order, its database closed. Calling it again does nothing. */
  stop(): Promise<void>;
  /** Ends the server as a power cut would (SIGKILL), for fault tests. */
  kill(): Promise<void>;
}

/** How long a server may take until it answers; measured 0.3 s, and 2 s on a loaded machine. */
const READY_MS = 30_000;

/** How long a server may take until it knows the search attributes; measured 10 ms. */
const KNOWN_MS = 10_000;

/** How often other ports are tried when somebody took ours in the moment before the start. */
const ATTEMPTS = 5;

/**
 * Starts `temporal server start-dev` on this machine and returns when it answers. Without a port
 * given it takes free ones, so any number of them can run side by side.
 *
 * It does not keep this process alive, and Ctrl-C in the terminal does not reach it: whoever
 * started it stops it, after the workers.
 *
 * @throws when there is no usable Temporal CLI, when a port that was asked for is in use, and when
 *   the server ends or stays silent for 30 s; then the message holds what it wrote
 */
export async function startTemporalServer(
  options: TemporalServerOptions = {},
): Promise<TemporalServer> {
  const { onProgress } = options;
  const binary = await findTemporalBinary(onProgress === undefined ? {} : { onProgress });
  if (options.db !== undefined) await mkdir(dirname(resolve(options.db)), { recursive: true });
  for (let attempt = 1; ; attempt += 1) {
    const ports = await choosePorts(options);
    const server = await startTemporalProcess(binary.path, serverArguments(options, ports));
    try {
      await untilReady(server, options, ports);
      await prepare(options, ports);
      return asTemporalServer(server, binary, options, ports);
    } catch (error) {
      await server.kill();
      if (attempt === ATTEMPTS || !server.output.some(saysPortInUse)) throw error;
      onProgress?.('Somebody took a port while the Temporal server started; trying other ports.');
    }
  }
}

/** Ports that were asked for are tried before the start, to tell which option to change. */
async function choosePorts(options: TemporalServerOptions): Promise<ServerPorts> {
  for (const option of ['port', 'uiPort'] as const) {
    const port = options[option];
    const problem = port === undefined ? undefined : await whyNotFree(port);
    if (problem !== undefined) {
      throw new Error(
        `Port ${port} ${problem}, so no Temporal server can start there. Stop what uses it, or give another number as \`${option}\`.`,
      );
    }
  }
  const [grpc = 0, ui = 0] = await freePorts(2);
  const wantsUi = options.ui ?? options.uiPort !== undefined;
  return { grpc: options.port || grpc, ui: wantsUi ? options.uiPort || ui : undefined };
}

/** How Go's runtime says it, on Unix and on Windows. */
function saysPortInUse(line: string): boolean {
  return /address already in use|Only one usage of each socket address/i.test(line);
}

async function untilReady(
  server: TemporalProcess,
  options: TemporalServerOptions,
  ports: ServerPorts,
): Promise<void> {
  const address = `${LOCAL_HOST}:${ports.grpc}`;
  const deadline = Date.now() + READY_MS;
  let problem: unknown = new Error(`Nothing listens at ${address}.`);
  while (server.isRunning() && Date.now() < deadline) {
    try {
      if (await acceptsConnections(address, 1_000)) {
        await checkReady(address, options.namespace ?? 'default');
        const uiReady =
          ports.ui === undefined || (await acceptsConnections(uiHost(ports.ui), 1_000));
        // Asked last: what answered could be a stranger who took the port, while ours ended.
        if (uiReady && server.isRunning()) return;
      }
    } catch (error) {
      problem = error;
    }
    await sleep(20);
  }
  const ended = !server.isRunning();
  await server.kill();
  throw new Error(
    [
      ended
        ? 'The Temporal server ended before it was ready. Its last output:'
        : `The Temporal server was not ready after ${READY_MS / 1_000} s. Its last output:`,
      ...server.output.map((line) => `  ${line}`),
    ].join('\n'),
    ended ? {} : { cause: problem },
  );
}

async function prepare(options: TemporalServerOptions, ports: ServerPorts): Promise<void> {
  const { namespace = 'default', searchAttributes = {}, onProgress } = options;
  const connection = await openConnection(`${LOCAL_HOST}:${ports.grpc}`);
  const register = async (attributes: typeof searchAttributes): Promise<void> => {
    await registerSearchAttributes(connection, namespace, attributes);
    await untilKnown(connection, namespace, Object.keys(attributes), KNOWN_MS);
  };
  try {
    // Turns run without Plait's, for example with a file where one of them has another type.
    await register(SEARCH_ATTRIBUTES).catch((error: unknown) => {
      onProgress?.(`Turns cannot be found by agent or user: ${causeChain(error)}`);
    });
    if (Object.keys(searchAttributes).length > 0) await register(searchAttributes);
  } finally {
    await connection.close();
  }
}

function asTemporalServer(
  server: TemporalProcess,
  binary: TemporalBinary,
  options: TemporalServerOptions,
  ports: ServerPorts,
): TemporalServer {
  // In memory there is nothing to close, and an orderly end takes a second.
  const stop = options.db === undefined ? server.kill : server.terminate;
  return {
    address: `${LOCAL_HOST}:${ports.grpc}`,
    namespace: options.namespace ?? 'default',
    ...(ports.ui === undefined ? {} : { uiUrl: `http://${uiHost(ports.ui)}` }),
    pid: server.pid,
    binary,
    recentOutput: () => [...server.output],
    stop,
    kill: server.kill,
    [Symbol.asyncDispose]: stop,
  };
}

function uiHost(port: number): string {
  return `${LOCAL_HOST}:${port}`;
}

export type { TemporalServerOptions } from './temporal-server-options.ts';
