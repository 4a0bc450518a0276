import { causeChain } from '../core/failures.ts';
import { InvalidTransportError } from './errors.ts';
import type { PlaitStreamTransport, StreamTransport } from './stream-transport.ts';

/**
 * Why the transport cannot be used now, for the log of a worker that starts; `undefined` if it can, or if
 * that cannot be found out. Not an error: turns need no transport, so they must not wait for it.
 *
 * Throws an `InvalidTransportError` for problems that do not pass by themselves.
 */
export async function unusableTransport(
  transport: StreamTransport | undefined,
): Promise<string | undefined> {
  const own: Partial<PlaitStreamTransport> = transport ?? {};
  const { location = 'of the worker' } = own;
  try {
    await own.prepare?.();
    return undefined;
  } catch (error) {
    if (error instanceof InvalidTransportError) throw error;
    return `The stream transport ${location} cannot be used: ${causeChain(error)}. Until it can be used, streams get each reply when it is committed; turns run as usual, and the worker tries again. Check its URL and its server.`;
  }
}
