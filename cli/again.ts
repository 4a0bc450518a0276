import { setTimeout as sleep } from 'node:timers/promises';
import { TemporalUnavailableError } from '../client/errors.ts';

/** A short pause, because the client has already tried for a minute. */
const AGAIN_MS = 2_000;

/**
 * Follows something until the signal, and begins again whenever the server stays away. `onAway` gets what is
 * wrong, and an empty text once the server is back.
 */
export async function* again<T>(
  open: () => AsyncIterable<T>,
  signal: AbortSignal,
  onAway: (message: string) => void = () => undefined,
  pause = AGAIN_MS,
): AsyncGenerator<T, void, undefined> {
  while (!signal.aborted) {
    try {
      for await (const item of open()) {
        onAway('');
        yield item;
      }
      return;
    } catch (error) {
      if (!(error instanceof TemporalUnavailableError)) throw error;
      onAway(`${error.message} Trying again until it answers.`);
      await sleep(pause, undefined, { signal }).catch(() => undefined);
    }
  }
}
