import { allHandlersFinished, CancellationScope, condition } from '@temporalio/workflow';
import { fingerprint } from '../core/fingerprint.ts';

// The order of commands must not depend on when a worker sees an Update. A worker without the workflow in its
// cache may get an Update together with results of earlier workflow tasks that led to no command. A replay
// delivers them one after the other; another order of commands would then stop the workflow forever.
// https://github.com/temporalio/sdk-rust/issues/1146

/**
 * Waits until everything that came together with an Update has been processed. An Update's handler waits for
 * this before it reads anything and decides.
 */
export async function othersFirst(): Promise<void> {
  let isDone = false;
  // Everything that came runs in microtasks; conditions are checked again when none are left.
  void Promise.resolve().then(() => {
    isDone = true;
  });
  await CancellationScope.nonCancellable(() => condition(() => isDone));
}

/**
 * Waits until every Update is answered: before anything that they have woken continues, and before the run
 * ends, since an unanswered Update would fail with it.
 */
export async function allAnswered(): Promise<void> {
  if (allHandlersFinished()) return;
  await CancellationScope.nonCancellable(() => condition(allHandlersFinished));
}

/** More than clients send again because their answers were lost. */
const MAX_SEEN = 500;

/**
 * Decisions and completions that the turn has accepted. A client that did not get its answer may send the
 * same one again; the server recognizes that only within one run.
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
