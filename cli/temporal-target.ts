import { Client, Connection } from '@temporalio/client';
import type { ConnectionOptions } from '@temporalio/client';
import type { StorageDriver } from '@temporalio/common';
import { loadClientConnectConfig } from '@temporalio/envconfig';
import { defined, isRecord } from '../core/json.ts';
import { causeChain } from '../core/failures.ts';
import { withDefaults } from '../client/connection-options.ts';
import { acceptsConnections } from '../testing/temporal-connection.ts';
import { withStorage } from '../storage/data-converter.ts';
import { CliError, EXIT_CODES } from './exit-codes.ts';

/** The default of Temporal's own tools. */
export const DEFAULT_ADDRESS = 'localhost:7233';

/** A Temporal server and how to reach it. */
export interface TemporalTarget {
  address: string;
  namespace: string;
  /** Whether TEMPORAL_ADDRESS or a profile set it; otherwise it is the default. */
  configured: boolean;
  /** For both kinds of connections, with TLS and keys if they are configured. */
  connectionOptions: ReturnType<typeof loadClientConnectConfig>['connectionOptions'];
}

/** Limit for connecting, and for the first request. */
const ANSWER_MS = 5_000;

/** The server in Temporal's environment configuration. */
export function configuredTarget(): TemporalTarget {
  try {
    const { connectionOptions, namespace = 'default' } = loadClientConnectConfig();
    const { address } = connectionOptions;
    const configured = address !== undefined;
    return { address: address ?? DEFAULT_ADDRESS, namespace, configured, connectionOptions };
  } catch (error) {
    const message = `Cannot read Temporal's environment configuration: ${causeChain(error)}`;
    throw new CliError(EXIT_CODES.wrongInput, message, { cause: error });
  }
}

/**
 * A connected client. Throws a `CliError` that says what to do when nothing answers or the
 * namespace is missing.
 */
export async function connectTo(target: TemporalTarget, storage?: StorageDriver): Promise<Client> {
  const { address, namespace, connectionOptions } = target;
  let connection: Connection | undefined;
  // gRPC would retry for seconds, which is useless if nothing listens on a local port.
  if (isLocal(address) && !(await acceptsConnections(address, ANSWER_MS))) {
    throw new CliError(EXIT_CODES.temporalUnavailable, nobodyAnswers(address));
  }
  try {
    const options = { ...connectionOptions, connectTimeout: ANSWER_MS } as ConnectionOptions;
    connection = await Connection.connect(withDefaults(options));
    const { workflowService } = connection;
    await connection.withDeadline(Date.now() + ANSWER_MS, () =>
      workflowService.describeNamespace({ namespace }),
    );
  } catch (error) {
    await connection?.close();
    throw new CliError(EXIT_CODES.temporalUnavailable, whatIsWrong(error, address, namespace), {
      cause: error,
    });
  }
  const dataConverter = withStorage(undefined, storage);
  return new Client({
    connection,
    namespace,
    ...defined({ dataConverter }),
  });
}

function isLocal(address: string): boolean {
  return /^(localhost|127\.\d+\.\d+\.\d+|\[::1\]):/.test(address);
}

function nobodyAnswers(address: string): string {
  return `No Temporal server answers at ${address}. Start one with \`plait dev <module>\`, or set TEMPORAL_ADDRESS.`;
}

const NOT_FOUND = 5;
const UNREACHABLE = new Set<unknown>([4, 14]);

function whatIsWrong(error: unknown, address: string, namespace: string): string {
  const code = isRecord(error) ? error['code'] : undefined;
  if (code === NOT_FOUND) {
    return `The Temporal server at ${address} has no namespace ${namespace}. Set TEMPORAL_NAMESPACE, or create it: temporal operator namespace create -n ${namespace} --address ${address}`;
  }
  // An error without a code: the connection was not ready in time.
  if (code === undefined || UNREACHABLE.has(code)) {
    return nobodyAnswers(address);
  }
  return `The Temporal server at ${address} rejected the request: ${causeChain(error)}. Check TEMPORAL_NAMESPACE, TEMPORAL_API_KEY and TEMPORAL_TLS.`;
}
