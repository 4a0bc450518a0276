import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { LimiterUse } from '../../../core/calls/limiter.ts';
import { commandBytes, Limiter } from '../../../core/calls/limiter.ts';

const use = (tool: string, bytes = 1): LimiterUse => ({ tool, bytes });
const free = { calls: 100, bytes: 1_000, callsOf: () => undefined };

const oneSlow = (tool: string) => (tool === 'slow' ? 1 : undefined);

/** Acquires all at once; what is open, and what has started in which order. */
function acquireAll(limiter: Limiter, uses: readonly LimiterUse[]) {
  const open: LimiterUse[] = [];
  const started: LimiterUse[] = [];
  for (const one of uses) {
    limiter.acquire(one, () => {
      open.push(one);
      started.push(one);
    });
  }
  const release = (index: number) => {
    for (const one of open.splice(index, 1)) limiter.release(one);
  };
  return { open, started, release };
}

describe('a limiter', () => {
  test('starts every call at once while there is room', () => {
    const { open } = acquireAll(new Limiter(free), [use('a'), use('b'), use('a')]);

    expect(open).toHaveLength(3);
  });

  test('holds the calls above the limit, first come first served', () => {
    const uses = ['a', 'b', 'c', 'd'].map((tool) => use(tool));
    const { started, release } = acquireAll(new Limiter({ ...free, calls: 2 }), uses);

    expect(started).toEqual(uses.slice(0, 2));
    release(0);
    expect(started).toEqual(uses.slice(0, 3));
    release(0);
    expect(started).toEqual(uses);
  });

  test('starts a call above the limit in bytes once it is alone', () => {
    const uses = [use('a', 600), use('large', 5_000), use('b', 1)];
    const { open, release } = acquireAll(new Limiter(free), uses);

    expect(open).toEqual([uses[0]]);
    release(0);
    expect(open).toEqual([uses[1]]);
    release(0);
    expect(open).toEqual([uses[2]]);
  });

  test('lets no call overtake one that waits for room', () => {
    const uses = [use('a', 600), use('b', 600), use('small', 1)];
    const { started } = acquireAll(new Limiter(free), uses);

    expect(started).toEqual([uses[0]]);
  });

  test('lets calls of other tools overtake a call that waits for its own tool', () => {
    const uses = [use('slow'), use('slow'), use('quick'), use('slow'), use('quick')];
    const { started, release } = acquireAll(new Limiter({ ...free, callsOf: oneSlow }), uses);

    expect(started.map(({ tool }) => tool)).toEqual(['slow', 'quick', 'quick']);
    release(0);
    release(started.length - 2);
    expect(started.filter(({ tool }) => tool === 'slow')).toHaveLength(3);
  });

  test('does not nest calls that are released as soon as they start', () => {
    const limiter = new Limiter({ ...free, calls: 1 });
    let done = 0;
    const first = use('first');
    limiter.acquire(first, () => undefined);
    for (let i = 0; i < 5_000; i++) {
      const next = use('next');
      limiter.acquire(next, () => {
        done += 1;
        limiter.release(next);
      });
    }

    limiter.release(first);

    expect(done).toBe(5_000);
  });

  test('goes on after a start that threw', () => {
    const limiter = new Limiter({ ...free, calls: 1 });
    const [first, broken, last] = [use('first'), use('broken'), use('last')];
    let ran = false;
    limiter.acquire(first, () => undefined);
    limiter.acquire(broken, () => {
      throw new Error('broken');
    });
    limiter.acquire(last, () => {
      ran = true;
    });

    expect(() => limiter.release(first)).toThrow('broken');
    limiter.release(broken);
    expect(ran).toBe(true);
  });
});

describe('for any sequence of calls', () => {
  const tool = fc.constantFrom('a', 'b', 'c');
  const scenario = fc.record({
    uses: fc.array(fc.record({ tool, bytes: fc.integer({ min: 0, max: 60 }) }), { maxLength: 40 }),
    /** Which open call is released next, and whether another one comes first. */
    turns: fc.infiniteStream(fc.record({ index: fc.nat(), arrives: fc.boolean() })),
    calls: fc.integer({ min: 1, max: 6 }),
    bytes: fc.integer({ min: 1, max: 100 }),
    ofA: fc.option(fc.integer({ min: 1, max: 3 }), { nil: undefined }),
    ofB: fc.option(fc.integer({ min: 1, max: 3 }), { nil: undefined }),
  });

  test('the limits hold, nothing idles while there is room, and everything gets through', () => {
    fc.assert(
      fc.property(scenario, ({ uses, turns, calls, bytes, ofA, ofB }) => {
        const callsOf = (name: string) => ({ a: ofA, b: ofB })[name];
        const limiter = new Limiter({ calls, bytes, callsOf });
        const open: number[] = [];
        const started: number[] = [];
        const check = (arrived: number) => {
          const used = open.map((i) => uses[i] as LimiterUse);
          const size = used.reduce((sum, one) => sum + one.bytes, 0);
          expect(open.length).toBeLessThanOrEqual(calls);
          expect(size <= bytes || open.length === 1).toBe(true);
          for (const name of ['a', 'b']) {
            const ofTool = used.filter((one) => one.tool === name).length;
            expect(ofTool).toBeLessThanOrEqual(callsOf(name) ?? calls);
          }
          const waiting = [...Array(arrived).keys()].filter((i) => !started.includes(i));
          if (waiting.length > 0) expect(open.length).toBeGreaterThan(0);
          // First come first served among the calls of one tool.
          for (const i of started) {
            const overtaken = waiting.find((j) => j < i && uses[j]?.tool === uses[i]?.tool);
            expect(overtaken).toBeUndefined();
          }
        };
        let arrived = 0;
        while (arrived < uses.length || open.length > 0) {
          const { index, arrives } = turns.next().value as { index: number; arrives: boolean };
          if (arrived < uses.length && (arrives || open.length === 0)) {
            const i = arrived++;
            limiter.acquire(uses[i] as LimiterUse, () => {
              open.push(i);
              started.push(i);
            });
          } else {
            const [i = 0] = open.splice(index % open.length, 1);
            limiter.release(uses[i] as LimiterUse);
          }
          check(arrived);
        }
        expect(started).toHaveLength(uses.length);
      }),
    );
  });
});

test('what a call adds to a workflow task is its input, the context and what Temporal needs', () => {
  expect(commandBytes({ id: 7 }, 500)).toBe(1_508);
});
