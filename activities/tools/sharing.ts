import { setImmediate } from 'node:timers/promises';

/** How long steps may hold the process up together before everything else gets its turn, in milliseconds. */
const SHARE_MS = 20;

/**
 * For work on one large value, which takes many steps: a function to be awaited between them, so that other
 * calls of the worker have their turn meanwhile. Most work is done before it would pause.
 */
export function sharing(): () => Promise<void> {
  let from = performance.now();
  return async () => {
    if (performance.now() - from < SHARE_MS) return;
    await setImmediate();
    from = performance.now();
  };
}
