import type { Worker } from '@temporalio/worker';
import { EXIT_CODES } from './exit-codes.ts';

/** One press of Ctrl-C may arrive three times: from the terminal, and passed on by npm and by tsx. */
const ONE_PRESS_MS = 250;

/**
 * Runs a worker until a signal. The first SIGINT or SIGTERM drains it and calls `onDrain`; a second one
 * ends the process at once.
 */
export async function runUntilSignal(worker: Worker, onDrain: () => void): Promise<void> {
  const stopListening = onSignals(
    () => {
      onDrain();
      if (worker.getState() === 'RUNNING') worker.shutdown();
    },
    () => process.exit(EXIT_CODES.interrupted),
  );
  try {
    await worker.run();
  } finally {
    stopListening();
  }
}

/** Calls `first` on SIGINT or SIGTERM, and `second` when another follows. Returns a function to stop. */
export function onSignals(first: () => void, second: () => void): () => void {
  let since: number | undefined;
  const listener = (): void => {
    if (since === undefined) {
      since = Date.now();
      first();
    } else if (Date.now() - since > ONE_PRESS_MS) second();
  };
  const signals = ['SIGINT', 'SIGTERM'] as const;
  for (const signal of signals) process.on(signal, listener);
  return () => {
    for (const signal of signals) process.off(signal, listener);
  };
}
