import { once } from 'node:events';

/** Never settles before the signal aborts, and then throws its reason. */
export async function aborted(signal: AbortSignal): Promise<never> {
  if (!signal.aborted) await once(signal, 'abort');
  throw signal.reason;
}
