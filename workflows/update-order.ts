import { allHandlersFinished, CancellationScope, condition } from '@temporalio/workflow';

// The order of commands must not depend on how a worker comes by an Update. One that has the workflow not
// in its cache may get it together with results of earlier workflow tasks that led to no command; when
// the history is replayed, it gets one after the other, and another order of commands would stop the
// workflow for ever. https://github.com/temporalio/sdk-rust/issues/1146

/**
 * Until all that came to the workflow together with an Update has been taken in. Its handler waits for
 * this before it looks at anything and decides.
 */
export async function othersFirst(): Promise<void> {
  let isTaken = false;
  // What has come runs in microtasks, and conditions are looked at again when there are none left.
  void Promise.resolve().then(() => {
    isTaken = true;
  });
  await CancellationScope.nonCancellable(() => condition(() => isTaken));
}

/**
 * Until every Update is answered. Before what they have woken does anything, and before the run ends:
 * one that is still being answered would fail with it.
 */
export async function allAnswered(): Promise<void> {
  if (allHandlersFinished()) return;
  await CancellationScope.nonCancellable(() => condition(allHandlersFinished));
}
