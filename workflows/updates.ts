import { allHandlersFinished, CancellationScope, condition } from '@temporalio/workflow';
import { fingerprint } from '../core/fingerprint.ts';

// The order of commands must not depend on how a worker comes by an Update. A worker without the workflow
// in its cache may get an Update together with results of earlier workflow tasks that led to no command.
// When the history is replayed, it gets one after the other, and another order of commands would stop the
// workflow for ever. https://github.com/temporalio/sdk-rust/issues/1146

/**
 * Waits until all that came to the workflow together with an Update has been processed. An Update's
 * handler waits for this before it looks at anything and decides.
 */
export async function othersFirst(): Promise<void> {
  let isDone = false;
  // What has come runs in microtasks, and conditions are looked at again when there are none left.
  void Promise.resolve().then(() => {
    isDone = true;
  });
  await CancellationScope.nonCancellable(() => condition(() => isDone));
}

/**
 * Waits until every Update is answered: before what they have woken does anything, and before the run
 * ends, since an Update that is still being answered would fail with it.
 */
export async function allAnswered(): Promise<void> {
  if (allHandlersFinished()) return;
  await CancellationScope.nonCancellable(() => condition(allHandlersFinished));
}

/** More than are sent again because their answers were lost. */
const MAX_SEEN = 500;

/**
 * Decisions and completions that the turn has accepted. The same one may be sent again by a client that
 * did not get its answer; the server recognizes it only within one run.
 */
export class SeenUpdates {
  private fingerprints: readonly string[];

  constructor(fingerprints: readonly string[] = []) {
    this.fingerprints = fingerprints;
  }

  /** For the next run. */
  get list(): string[] {
    return [...this.fingerprints];
  }

  has(name: string, argument: unknown): boolean {
    return this.fingerprints.includes(fingerprint([name, argument]));
  }

  add(name: string, argument: unknown): void {
    this.fingerprints = [...this.fingerprints, fingerprint([name, argument])].slice(-MAX_SEEN);
  }
}
