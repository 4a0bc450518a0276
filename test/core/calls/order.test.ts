import { describe, expect, test } from 'vitest';
import type { Access, Blocker } from '../../../core/calls/order.ts';
import { conflicts, findBlocker, planAgain, planOrder } from '../../../core/calls/order.ts';
import type { OutcomeType } from '../../../core/calls/outcome.ts';

const A = '{"path":"/a"}';
const B = '{"path":"/b"}';
const reads = (...keys: string[]): Access => ({ reads: keys });
const writes = (...keys: string[]): Access => ({ writes: keys });
const inOrder = (...keys: string[]): Access => ({ inOrder: keys });

describe('two calls', () => {
  test.for<[string, Access | undefined, Access | undefined, boolean]>([
    ['that touch nothing may overlap', undefined, undefined, false],
    ['of which one touches nothing may overlap', writes(A), undefined, false],
    ['that read the same may overlap', reads(A), reads(A), false],
    ['that write different things may overlap', writes(A), writes(B), false],
    ['of which one reads what the other writes conflict', reads(A), writes(A), true],
    ['that write the same conflict', writes(A), writes(A), true],
    ['that meet on one of several keys conflict', writes(A, B), reads(B), true],
    ['of which one is exclusive conflict', 'exclusive', undefined, true],
    ['that are exclusive conflict', 'exclusive', 'exclusive', true],
    ['of which one has empty lists may overlap', { reads: [], writes: [] }, writes(A), false],
    ['that run in one order conflict', inOrder('db'), inOrder('db'), true],
    ['that run in different orders may overlap', inOrder('db'), inOrder('mail'), false],
    ['that use one text for an order and a key may overlap', inOrder(A), writes(A), false],
    [
      'of which one runs in an order and the other is exclusive conflict',
      inOrder('db'),
      'exclusive',
      true,
    ],
  ])('%s', ([, a, b, expected]) => {
    expect(conflicts(a, b)).toBe(expected);
    expect(conflicts(b, a)).toBe(expected);
  });
});

describe('the order of calls', () => {
  test('lets calls that touch nothing start at once', () => {
    expect(planOrder([])).toEqual([]);
    expect(planOrder([undefined, undefined, undefined])).toEqual([[], [], []]);
  });

  test('lets readers of one key share it, and keeps writers apart from them and each other', () => {
    expect(planOrder([reads(A), reads(A), writes(A), reads(A), reads(B), writes(A)])).toEqual([
      [],
      [],
      [0, 1],
      [2],
      [],
      [0, 1, 2, 3],
    ]);
  });

  test('lets an exclusive call run alone', () => {
    expect(planOrder([undefined, writes(A), 'exclusive', undefined, writes(A)])).toEqual([
      [],
      [],
      [0, 1],
      [2],
      [1, 2],
    ]);
  });

  test('lets calls of one order run one after the other, and others beside them', () => {
    const both: Access = { inOrder: ['db'], reads: [A] };
    expect(planOrder([inOrder('db'), undefined, writes(A), both, inOrder('mail'), both])).toEqual([
      [],
      [],
      [],
      [0, 2],
      [],
      [0, 2, 3],
    ]);
  });

  test('names an earlier call once, even if they share several keys', () => {
    expect(planOrder([writes(A, B, A), { reads: [A, B], writes: [A] }, reads(B, A)])).toEqual([
      [],
      [0],
      [0, 1],
    ]);
  });

  test.for<[string, Access, number]>([
    ['are exclusive', 'exclusive', 1],
    ['write one key', writes(A), 1],
    ['touch two keys', { reads: [B], writes: [A] }, 1],
    ['run in one order', inOrder('db'), 1],
    ['read one key', reads(A), 0],
  ])('copes with 2,500 calls that %s', ([, access, each]) => {
    const plan = planOrder(Array.from({ length: 2_500 }, () => access));
    expect(plan.at(-1)).toHaveLength(each * 2_499);
    expect(plan.reduce((sum, { length }) => sum + length, 0)).toBe((each * 2_500 * 2_499) / 2);
  });
});

describe('after an edit', () => {
  const started = new Set([2]);
  const hasStarted = (index: number) => started.has(index);

  test('a call waits for a later one that runs, which waits for nothing', () => {
    // The first was to write B when the third began.
    expect(planAgain([writes(A), writes(B), writes(A)], hasStarted)).toEqual([[2], [], []]);
  });

  test('a call waits for later ones that have started after earlier ones that have not', () => {
    expect(planAgain([writes(A), writes(A), writes(A), writes(A)], hasStarted)).toEqual([
      [2],
      [0, 2],
      [],
      [0, 1, 2],
    ]);
  });

  test('a call that no longer conflicts waits for nothing, and no other waits for it', () => {
    expect(planAgain([writes(B), undefined, writes(A)], () => false)).toEqual([[], [], []]);
  });

  test('an edit of another call does not let an edited one start beside a running one', () => {
    const accesses = [writes(A), writes(B), writes(A)];
    expect(planAgain(accesses, hasStarted)[0]).toEqual([2]);
    accesses[1] = undefined as unknown as Access;
    expect(planAgain(accesses, hasStarted)[0]).toEqual([2]);
  });
});

const NOT_DONE = ['failed', 'timedOut', 'denied', 'skipped'] as const;
const HARMLESS = ['succeeded', 'cancelled'] as const;

/** Why the last of the calls does not run, after the earlier ones have ended like this. */
function blockerAfter(...calls: (readonly [Access | undefined, OutcomeType?])[]) {
  const accesses = calls.map(([access]) => access);
  const last = calls.length - 1;
  const outcomeOf = (index: number): OutcomeType => {
    const outcome = calls[index]?.[1];
    if (outcome === undefined) throw new Error(`call ${index} has not settled`);
    return outcome;
  };
  return findBlocker(last, accesses, planOrder(accesses)[last] ?? [], outcomeOf);
}

describe('a call is skipped', () => {
  test.for(NOT_DONE)('after a write to what it touches that ended as %s', (because) => {
    const blocker: Blocker = { index: 0, because, key: A };
    expect(blockerAfter([writes(A), because], [reads(A)])).toEqual(blocker);
    expect(blockerAfter([writes(A), because], [writes(A)])).toEqual(blocker);
    expect(blockerAfter([writes(B, A), because], [reads(A)])).toEqual(blocker);
  });

  test.for<[string, Access | undefined, Access]>([
    ['write of what it writes', writes(A), writes(A)],
    ['write of what it reads, when it writes at all', writes(A), { reads: [A], writes: [B] }],
    ['read of what it writes', reads(A), writes(A)],
  ])('after a %s whose outcome is unknown', ([, earlier, later]) => {
    const blocker: Blocker = { index: 0, because: 'unknown', key: A };
    expect(blockerAfter([earlier, 'unknown'], [later])).toEqual(blocker);
  });

  test.for<[string, Access | undefined, Access]>([
    ['when it is exclusive', undefined, 'exclusive'],
    ['when that one was exclusive and it writes', 'exclusive', writes(A)],
  ])('after an unknown outcome %s, without a key to name', ([, earlier, later]) => {
    expect(blockerAfter([earlier, 'unknown'], [later])).toEqual({ index: 0, because: 'unknown' });
  });

  test('because of the earliest call that is a reason, not because of one that was skipped for it', () => {
    expect(
      blockerAfter(
        [writes(A), 'succeeded'],
        [writes(A), 'failed'],
        [writes(A), 'skipped'],
        [reads(A)],
      ),
    ).toEqual({ index: 1, because: 'failed', key: A });
  });

  test('when it was edited to write what a later call may still be working on', () => {
    const accesses = [writes(A), writes(A)];
    expect(findBlocker(0, accesses, [1], () => 'unknown')).toEqual({
      index: 1,
      because: 'unknown',
      key: A,
    });
  });
});

describe('a call runs', () => {
  test('when it has waited for nothing', () => {
    expect(blockerAfter([writes(A), 'failed'], [undefined])).toBeUndefined();
    expect(blockerAfter([writes(A), 'unknown'], [writes(B)])).toBeUndefined();
  });

  test.for(HARMLESS)('after calls that conflict and ended as %s', (outcome) => {
    expect(blockerAfter([writes(A), outcome], [writes(A)])).toBeUndefined();
    expect(blockerAfter(['exclusive', outcome], ['exclusive'])).toBeUndefined();
  });

  test.for(NOT_DONE)('after a read of what it writes that ended as %s', (outcome) => {
    expect(blockerAfter([reads(A), outcome], [writes(A)])).toBeUndefined();
    expect(blockerAfter([{ reads: [A], writes: [B] }, outcome], [writes(A)])).toBeUndefined();
  });

  test.for(NOT_DONE)(
    'after an exclusive call that ended as %s, since that is not a key',
    (outcome) => {
      expect(blockerAfter(['exclusive', outcome], [writes(A)])).toBeUndefined();
      expect(blockerAfter(['exclusive', outcome], ['exclusive'])).toBeUndefined();
      expect(blockerAfter([writes(A), outcome], ['exclusive'])).toBeUndefined();
    },
  );

  test.for([...NOT_DONE, ...HARMLESS, 'unknown'] as const)(
    'after a call of its order that ended as %s',
    (outcome) => {
      expect(blockerAfter([inOrder('db'), outcome], [inOrder('db')])).toBeUndefined();
      const writer: Access = { inOrder: ['db'], writes: [A] };
      expect(blockerAfter([{ ...writer, writes: [B] }, outcome], [writer])).toBeUndefined();
    },
  );

  test('after an unknown outcome if it only reads', () => {
    expect(blockerAfter([writes(A), 'unknown'], [reads(A)])).toBeUndefined();
    expect(blockerAfter(['exclusive', 'unknown'], [reads(A)])).toBeUndefined();
    expect(blockerAfter(['exclusive', 'unknown'], [undefined])).toBeUndefined();
  });

  test.for(NOT_DONE)('after a later call that ended as %s, if it was edited', (outcome) => {
    expect(findBlocker(0, [writes(A), writes(A)], [1], () => outcome)).toBeUndefined();
  });
});
