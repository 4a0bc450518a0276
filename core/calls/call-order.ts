import type { Access } from './access.ts';
import type { Blocker } from './order.ts';
import { findBlocker, planAgain, planOrder } from './order.ts';
import type { OutcomeType } from './outcome.ts';

/** A call that waits for others, by their index in call order. */
interface Waiting {
  index: number;
  others: readonly number[];
  /** How many of them have not settled. */
  open: number;
}

/**
 * The order of the calls of one reply while they run: `order.ts` plans who waits for whom, and this
 * remembers who still does, as calls settle one by one and approvers edit them.
 */
export class CallOrder {
  private accesses: (Access | undefined)[];
  private waiting = new Map<number, Waiting>();
  /** By the call that they wait for. */
  private heldBy = new Map<number, Waiting[]>();
  private readonly outcomeOf: (index: number) => OutcomeType | undefined;

  /** @param outcomeOf how a call ended; `undefined` while it is open */
  constructor(
    accesses: readonly (Access | undefined)[],
    outcomeOf: (index: number) => OutcomeType | undefined,
  ) {
    this.accesses = [...accesses];
    this.outcomeOf = outcomeOf;
    this.follow(planOrder(accesses));
  }

  /** Whether a call that it conflicts with must settle first. */
  isHeld(index: number): boolean {
    return (this.waiting.get(index)?.open ?? 0) > 0;
  }

  /** Why a call that is held no more must not run, where it must not. */
  blocker(index: number): Blocker | undefined {
    const others = this.waiting.get(index)?.others ?? [];
    return findBlocker(index, this.accesses, others, this.outcomeOf);
  }

  /**
   * A call has settled. Calls `released` for each that waited for it, as soon as it is let go and
   * before the next is: what is done with one may settle others.
   */
  release(index: number, released: (index: number) => void): void {
    for (const held of this.heldBy.get(index) ?? []) {
      held.open -= 1;
      released(held.index);
    }
  }

  /** An approver has changed what a call touches. What has started is not called back. */
  edit(index: number, access: Access | undefined, hasStarted: (index: number) => boolean): void {
    this.accesses = this.accesses.with(index, access);
    this.follow(planAgain(this.accesses, hasStarted));
  }

  private follow(plan: readonly (readonly number[])[]): void {
    this.waiting = new Map();
    this.heldBy = new Map();
    for (const [index, others] of plan.entries()) {
      if (others.length === 0) continue;
      const open = others.filter((other) => this.outcomeOf(other) === undefined);
      const waiting = { index, others, open: open.length };
      this.waiting.set(index, waiting);
      for (const other of open) {
        const held = this.heldBy.get(other);
        if (held === undefined) this.heldBy.set(other, [waiting]);
        else held.push(waiting);
      }
    }
  }
}
