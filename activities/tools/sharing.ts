import { setImmediate } from 'node:timers/promises';

/** How long all such steps together may block the process before everything else gets a turn, in milliseconds. */
const SHARE_MS = 20;

/**
 * For work on one large value in many steps: returns a function to await between the steps, so that other
 * calls of the worker get their turn. Most work ends before the first pause.
 */
export function sharing(): () => Promise<void> {
  let from = performance.now();
  return async () => {
    if (performance.now() - from < SHARE_MS) return;
    await setImmediate();
    from = performance.now();
  };
}
