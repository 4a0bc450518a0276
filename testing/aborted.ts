import { once } from 'node:events';

/** Lasts until the signal aborts, and then throws its reason. */
export async function aborted(signal: AbortSignal): Promise<never> {
  if (!signal.aborted) await once(signal, 'abort');
  throw signal.reason;
}
