import { CancellationScope, sleep } from '@temporalio/workflow';
import { MAX_DURATION } from '../../core/duration.ts';

/**
 * Runs the callbacks of a batch: an activity that ended, a decision, a timer, a cancelled turn.
 *
 * What they schedule belongs to the batch and can be cancelled with it. A defect in them fails the turn with
 * its message; unhandled, it would silently stop the turn.
 */
export class BatchScope {
  private readonly scope: CancellationScope;
  private timer: CancellationScope | undefined;
  private readonly done: () => void;
  private readonly failed: (error: unknown) => void;

  /**
   * @param options.ofItsOwn whether the calls may have to be cancelled without the turn. Otherwise the
   *   turn's own scope is used, because another one costs promises.
   * @param options.done called after every callback that did not fail
   */
  constructor(options: { ofItsOwn: boolean; done: () => void; failed: (error: unknown) => void }) {
    this.scope = options.ofItsOwn ? new CancellationScope() : CancellationScope.current();
    this.done = options.done;
    this.failed = options.failed;
  }

  /** For callbacks that may schedule: activities belong to the current scope. */
  run(work: () => void): void {
    if (CancellationScope.current() === this.scope) this.guard(work);
    else void this.scope.run(async () => this.guard(work));
  }

  /** For callbacks that the scope itself runs. */
  guard(work: () => void): void {
    try {
      work();
      this.done();
    } catch (error) {
      this.failed(error);
    }
  }

  onCancel(work: () => void): void {
    this.scope.cancelRequested.catch(() => this.guard(work));
  }

  /**
   * @param after in milliseconds
   * @param summary what the Temporal UI calls the timer
   */
  onTimeout(after: number, summary: string, work: () => void): void {
    this.timer = new CancellationScope();
    this.timer
      .run(() => sleep(Math.min(after, MAX_DURATION), { summary }))
      .then(
        () => this.guard(work),
        // All calls have ended, or the turn was cancelled.
        () => undefined,
      );
  }

  stopTimer(): void {
    this.timer?.cancel();
  }

  cancel(): void {
    this.scope.cancel();
  }
}
