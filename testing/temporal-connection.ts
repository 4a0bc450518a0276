import { connect } from 'node:net';
import { Connection } from '@temporalio/client';
import { withDefaults } from '../client/connection-options.ts';

/** For one call to the server; a loaded development machine has needed 2 s. */
const CALL_MS = 5_000;

/**
 * Whether a Temporal server answers at `address`, without TLS. False when something else listens there.
 *
 * @param address host and port, for example `localhost:7233`
 * @param timeoutMs how long the answer may take, in milliseconds
 */
export async function temporalIsListening(address: string, timeoutMs = 2_000): Promise<boolean> {
  const deadline = Date.now() + timeoutMs;
  if (!(await acceptsConnections(address, timeoutMs))) return false;
  try {
    const connection = await openConnection(address, Math.max(deadline - Date.now(), 1));
    await connection.close();
    return true;
  } catch {
    return false;
  }
}

/**
 * Throws unless the server can start a turn: it has the namespace, and the services for workflows and
 * task queues answer.
 */
export async function checkReady(address: string, namespace: string): Promise<void> {
  const connection = await openConnection(address);
  try {
    await connection.withDeadline(Date.now() + CALL_MS, async () => {
      await connection.workflowService.describeNamespace({ namespace });
      await connection.workflowService.listWorkflowExecutions({ namespace, pageSize: 1 });
      await connection.workflowService.describeTaskQueue({
        namespace,
        taskQueue: { name: 'plait-ready' },
      });
    });
  } finally {
    await connection.close();
  }
}

/**
 * Whether anything accepts TCP connections at `address`. Check it before the first gRPC call: a gRPC
 * channel whose first connection fails waits a whole second before it tries again.
 */
export function acceptsConnections(address: string, timeoutMs: number): Promise<boolean> {
  const separator = address.lastIndexOf(':');
  const port = Number(address.slice(separator + 1));
  if (separator < 0 || !Number.isInteger(port) || port < 1 || port > 65_535) {
    return Promise.resolve(false);
  }
  const host = address.slice(0, separator).replace(/^\[(.*)\]$/, '$1');
  return new Promise((resolve) => {
    const socket = connect({ host, port, timeout: timeoutMs });
    const settle = (listening: boolean): void => {
      socket.destroy();
      resolve(listening);
    };
    socket.once('connect', () => settle(true));
    socket.once('timeout', () => settle(false));
    socket.once('error', () => settle(false));
  });
}

/** A connection to a server on this machine, without TLS. */
export function openConnection(address: string, timeoutMs = CALL_MS): Promise<Connection> {
  return Connection.connect(
    withDefaults({
      address,
      connectTimeout: timeoutMs,
      // A proxy from the environment cannot reach ports of this machine.
      channelArgs: { 'grpc.enable_http_proxy': 0 },
    }),
  );
}
