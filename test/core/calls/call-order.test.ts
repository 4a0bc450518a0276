import { describe, expect, test } from 'vitest';
import type { Access } from '../../../core/calls/order.ts';
import { CallOrder } from '../../../core/calls/order.ts';
import type { OutcomeType } from '../../../core/calls/outcome.ts';

const A = '{"path":"/a"}';
const B = '{"path":"/b"}';
const writes = (key: string): Access => ({ writes: [key] });

/** Calls that settle with `settle`, which returns those that it releases, in turn. */
function follow(accesses: readonly (Access | undefined)[]) {
  const outcomes = new Map<number, OutcomeType>();
  const order = new CallOrder(accesses, (index) => outcomes.get(index));
  const held = () => [...accesses.keys()].filter((index) => order.isHeld(index));
  const settle = (index: number, outcome: OutcomeType = 'succeeded') => {
    outcomes.set(index, outcome);
    const free: number[] = [];
    order.release(index, (other) => {
      if (!order.isHeld(other)) free.push(other);
    });
    return free;
  };
  return { order, outcomes, held, settle };
}

describe('a call', () => {
  test('that does not conflict with an earlier one is never held', () => {
    expect(follow([writes(A), undefined, writes(B)]).held()).toEqual([]);
  });

  test('is held until all earlier conflicting ones have settled', () => {
    const { held, settle } = follow([writes(A), writes(B), 'exclusive', writes(A)]);

    expect(held()).toEqual([2, 3]);
    expect(settle(1)).toEqual([]);
    expect(settle(0)).toEqual([2]);
    expect(held()).toEqual([3]);
    expect(settle(2)).toEqual([3]);
  });

  test('must not run after an earlier one that did not write what it needs', () => {
    const { order, settle } = follow([writes(A), writes(A), writes(B)]);

    expect(order.blocker(1)).toBeUndefined();
    settle(0, 'failed');

    expect(order.blocker(1)).toEqual({ index: 0, because: 'failed', key: A });
    expect(order.blocker(2)).toBeUndefined();
  });

  test('is released before the next one, which sees how it ended', () => {
    const { order, outcomes } = follow([writes(A), writes(A), writes(A)]);
    const seen: string[] = [];
    outcomes.set(0, 'failed');
    order.release(0, (index) => {
      seen.push(`${index} ${order.isHeld(index) ? 'held' : 'free'}`);
      if (index !== 1) return;
      outcomes.set(1, 'skipped');
      order.release(1, (other) => seen.push(`${other} ${order.isHeld(other) ? 'held' : 'free'}`));
    });

    expect(seen).toEqual(['1 free', '2 held', '2 free']);
  });
});

const nothingHasStarted = () => false;

describe('an edit', () => {
  test('releases calls that no longer conflict with the edited one', () => {
    const { order, held } = follow([writes(A), writes(A), writes(A)]);
    order.edit(1, writes(B), nothingHasStarted);

    expect(held()).toEqual([2]);
  });

  test('does not hold a call for one that has settled, and remembers how that ended', () => {
    const { order, held, settle } = follow([writes(A), writes(B)]);
    settle(0, 'denied');
    order.edit(1, writes(A), (index) => index === 0);

    expect(held()).toEqual([]);
    expect(order.blocker(1)).toEqual({ index: 0, because: 'denied', key: A });
  });

  test('makes a call wait for a later one that has started', () => {
    const { order, held, settle } = follow([writes(A), writes(B)]);
    order.edit(0, writes(B), (index) => index === 1);

    expect(held()).toEqual([0]);
    expect(settle(1)).toEqual([0]);
  });
});
