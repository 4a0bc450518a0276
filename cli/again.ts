import { setTimeout as sleep } from 'node:timers/promises';
import { TemporalUnavailableError } from '../client/errors.ts';

/** The client has waited for a minute before it gives up. */
const AGAIN_MS = 2_000;

/**
 * What is followed, from its beginning again whenever the server stays away, until the signal. `onAway` is given
 * what is wrong, and an empty text once the server is there.
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
