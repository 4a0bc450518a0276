import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { LimiterUse } from '../../../core/calls/limiter.ts';
import { Limiter } from '../../../core/calls/limiter.ts';

const use = (tool: string, bytes = 1): LimiterUse => ({ tool, bytes });
const free = { calls: 100, bytes: 1_000, callsOf: () => undefined };

const oneSlow = (tool: string) => (tool === 'slow' ? 1 : undefined);

/** Passes all at once; what has started and not left, and what started in which order. */
function passAll(gate: Limiter, uses: readonly LimiterUse[]) {
  const inside: LimiterUse[] = [];
  const started: LimiterUse[] = [];
  for (const one of uses) {
    gate.pass(one, () => {
      inside.push(one);
      started.push(one);
    });
  }
  const leave = (index: number) => {
    for (const one of inside.splice(index, 1)) gate.leave(one);
  };
  return { inside, started, leave };
}

describe('a gate', () => {
  test('lets everything through at once while there is room', () => {
    const { inside } = passAll(new Limiter(free), [use('a'), use('b'), use('a')]);

    expect(inside).toHaveLength(3);
  });

  test('holds what is above the number of calls, first come first served', () => {
    const uses = ['a', 'b', 'c', 'd'].map((tool) => use(tool));
    const { started, leave } = passAll(new Limiter({ ...free, calls: 2 }), uses);

    expect(started).toEqual(uses.slice(0, 2));
    leave(0);
    expect(started).toEqual(uses.slice(0, 3));
    leave(0);
    expect(started).toEqual(uses);
  });

  test('lets a call that is larger than the gate through alone', () => {
    const uses = [use('a', 600), use('large', 5_000), use('b', 1)];
    const { inside, leave } = passAll(new Limiter(free), uses);

    expect(inside).toEqual([uses[0]]);
    leave(0);
    expect(inside).toEqual([uses[1]]);
    leave(0);
    expect(inside).toEqual([uses[2]]);
  });

  test('lets nobody overtake a call that waits for room', () => {
    const uses = [use('a', 600), use('b', 600), use('small', 1)];
    const { started } = passAll(new Limiter(free), uses);

    expect(started).toEqual([uses[0]]);
  });

  test('lets every other tool overtake a call that waits for its own', () => {
    const uses = [use('slow'), use('slow'), use('quick'), use('slow'), use('quick')];
    const { started, leave } = passAll(new Limiter({ ...free, callsOf: oneSlow }), uses);

    expect(started.map(({ tool }) => tool)).toEqual(['slow', 'quick', 'quick']);
    leave(0);
    leave(started.length - 2);
    expect(started.filter(({ tool }) => tool === 'slow')).toHaveLength(3);
  });

  test('does not nest calls that leave as soon as they start', () => {
    const gate = new Limiter({ ...free, calls: 1 });
    let done = 0;
    const first = use('first');
    gate.pass(first, () => undefined);
    for (let i = 0; i < 5_000; i++) {
      const next = use('next');
      gate.pass(next, () => {
        done += 1;
        gate.leave(next);
      });
    }

    gate.leave(first);

    expect(done).toBe(5_000);
  });

  test('goes on after a start that threw', () => {
    const gate = new Limiter({ ...free, calls: 1 });
    const [first, broken, last] = [use('first'), use('broken'), use('last')];
    let ran = false;
    gate.pass(first, () => undefined);
    gate.pass(broken, () => {
      throw new Error('broken');
    });
    gate.pass(last, () => {
      ran = true;
    });

    expect(() => gate.leave(first)).toThrow('broken');
    gate.leave(broken);
    expect(ran).toBe(true);
  });
});

describe('whatever passes and leaves', () => {
  const tool = fc.constantFrom('a', 'b', 'c');
  const scenario = fc.record({
    uses: fc.array(fc.record({ tool, bytes: fc.integer({ min: 0, max: 60 }) }), { maxLength: 40 }),
    /** Which of those inside leaves next, and whether another call comes first. */
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
        const gate = new Limiter({ calls, bytes, callsOf });
        const inside: number[] = [];
        const started: number[] = [];
        const check = (arrived: number) => {
          const used = inside.map((i) => uses[i] as LimiterUse);
          const size = used.reduce((sum, one) => sum + one.bytes, 0);
          expect(inside.length).toBeLessThanOrEqual(calls);
          expect(size <= bytes || inside.length === 1).toBe(true);
          for (const name of ['a', 'b']) {
            const ofTool = used.filter((one) => one.tool === name).length;
            expect(ofTool).toBeLessThanOrEqual(callsOf(name) ?? calls);
          }
          const waiting = [...Array(arrived).keys()].filter((i) => !started.includes(i));
          if (waiting.length > 0) expect(inside.length).toBeGreaterThan(0);
          // First come first served among the calls of one tool.
          for (const i of started) {
            const overtaken = waiting.find((j) => j < i && uses[j]?.tool === uses[i]?.tool);
            expect(overtaken).toBeUndefined();
          }
        };
        let arrived = 0;
        while (arrived < uses.length || inside.length > 0) {
          const { index, arrives } = turns.next().value as { index: number; arrives: boolean };
          if (arrived < uses.length && (arrives || inside.length === 0)) {
            const i = arrived++;
            gate.pass(uses[i] as LimiterUse, () => {
              inside.push(i);
              started.push(i);
            });
          } else {
            const [i = 0] = inside.splice(index % inside.length, 1);
            gate.leave(uses[i] as LimiterUse);
          }
          check(arrived);
        }
        expect(started).toHaveLength(uses.length);
      }),
    );
  });
});
