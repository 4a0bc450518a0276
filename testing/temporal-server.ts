import { DeclarationError } from '../agents/declaration-error.ts';
import { optionalFunctionProblem, recordProblem, rejectIf } from '../core/arguments.ts';
import { mkdir } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { registerSearchAttributes, untilKnown } from '../client/register-search-attributes.ts';
import { causeChain } from '../core/failures.ts';
import { defined } from '../core/json.ts';
import { SEARCH_ATTRIBUTES } from '../core/search-attributes.ts';
import { freePorts, LOCAL_HOST, whyNotFree } from './free-ports.ts';
import { findTemporalBinary } from './temporal-binary.ts';
import type { TemporalBinary } from './temporal-binary.ts';
import { acceptsConnections, checkReady, openConnection } from './temporal-connection.ts';
import { startTemporalProcess } from './temporal-process.ts';
import type { TemporalProcess } from './temporal-process.ts';
import { serverArguments } from './temporal-server-options.ts';
import type { ServerPorts, TemporalServerOptions } from './temporal-server-options.ts';

/** A development server that ends with this process, no matter how this process ends. */
export interface TemporalServer extends AsyncDisposable {
  /** Host and port of the gRPC service, for the SDK's connections. */
  readonly address: string;
  readonly namespace: string;
  /** The web UI, if it is on. */
  readonly uiUrl?: string;
  readonly pid: number;
  /** Which Temporal CLI runs. */
  readonly binary: TemporalBinary;
  /** The newest lines (up to 50) that the server wrote, oldest first. */
  recentOutput(): readonly string[];
  /** Ends the server after it has closed its database. Calling it again does nothing. */
  stop(): Promise<void>;
  /** Ends the server as a power cut would (SIGKILL), for fault tests. */
  kill(): Promise<void>;
}

/** How long a server may take until it answers. Measured: 0.3 s, and 2 s on a loaded machine. */
const READY_MS = 30_000;

/** How long a server may take until it knows the search attributes. Measured: 10 ms. */
const KNOWN_MS = 10_000;

/** How often to try other ports if another process took ours just before the start. */
const ATTEMPTS = 5;

/**
 * Starts `temporal server start-dev` on this machine and returns when it answers. By default it takes free
 * ports, so you can run any number of servers side by side.
 *
 * It does not keep this process alive, and Ctrl-C in the terminal does not reach it. Stop it after the
 * workers.
 *
 * @throws when there is no usable Temporal CLI; when a port that you gave is in use; when the server ends
 *   or does not answer within 30 s, with what it wrote
 */
export async function startTemporalServer(
  options: TemporalServerOptions = {},
): Promise<TemporalServer> {
  rejectIf(DeclarationError, recordProblem('startTemporalServer: the options', options));
  const { onProgress } = options;
  rejectIf(
    DeclarationError,
    optionalFunctionProblem('startTemporalServer: onProgress', onProgress),
  );
  const binary = await findTemporalBinary(defined({ onProgress }));
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
      onProgress?.('Another process took a port while the Temporal server started; trying others.');
    }
  }
}

/** Checks the given ports before the start, to say which option to change. */
async function choosePorts(options: TemporalServerOptions): Promise<ServerPorts> {
  for (const option of ['port', 'uiPort'] as const) {
    const port = options[option];
    const problem = port === undefined ? undefined : await whyNotFree(port);
    if (problem !== undefined) {
      throw new Error(
        `Cannot start a Temporal server: port ${port} ${problem}. Stop what uses it, or give another number as \`${option}\`.`,
      );
    }
  }
  const [grpc = 0, ui = 0] = await freePorts(2);
  const wantsUi = options.ui ?? options.uiPort !== undefined;
  return { grpc: options.port || grpc, ui: wantsUi ? options.uiPort || ui : undefined };
}

/** The texts of Go's runtime, on Unix and on Windows. */
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
        // Checked last: another process may have taken the port and answered while our server ended.
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
    // Turns run without Plait's attributes too, for example when the file has one with another type.
    await register(SEARCH_ATTRIBUTES).catch((error: unknown) => {
      onProgress?.(`You cannot search turns by agent or user: ${causeChain(error)}`);
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
  // A server in memory has nothing to close, and SIGTERM would take a second.
  const stop = options.db === undefined ? server.kill : server.terminate;
  return {
    address: `${LOCAL_HOST}:${ports.grpc}`,
    namespace: options.namespace ?? 'default',
    ...(ports.ui !== undefined && { uiUrl: `http://${uiHost(ports.ui)}` }),
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
