import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { Budget, Spent } from '../../../core/turn/budget.ts';
import { NOTHING_SPENT } from '../../../core/turn/budget.ts';
import type { Reserve } from '../../../core/turn/reserve.ts';
import { giveBack, openReserve, reserve, spentBy } from '../../../core/turn/reserve.ts';
import { NO_USAGE } from '../../../core/turn/usage.ts';

const spent = (parts: Partial<Spent>): Spent => ({ ...NOTHING_SPENT, ...parts });

describe('the budget to divide', () => {
  test.for([
    ['what is left', { outputTokens: 100 }, { outputTokens: 30 }, 2, { outputTokens: 70 }],
    ['no time and no rounds', { rounds: 5, wallTime: 5, costUSD: 2 }, {}, 1, { costUSD: 2 }],
    ['nothing without limits', {}, { outputTokens: 30 }, 1, {}],
    [
      'tool calls without those of the reply',
      { toolCalls: 10 },
      { toolCalls: 3 },
      2,
      { toolCalls: 5 },
    ],
    ['never less than nothing', { toolCalls: 1 }, { toolCalls: 3 }, 2, { toolCalls: 0 }],
  ] as const)('is %s', ([, budget, parts, calls, left]) => {
    expect(openReserve(budget, spent(parts), calls)).toEqual({ left, open: {} });
  });
});

const of = (left: Budget): Reserve => ({ left, open: {} });

describe('a sub-agent', () => {
  test.for([
    [
      'gets an equal share, as the calling turn does',
      { outputTokens: 100 },
      undefined,
      3,
      { outputTokens: 25 },
    ],
    [
      'gets half where it is alone',
      { inputTokens: 101, costUSD: 1 },
      undefined,
      1,
      { inputTokens: 50, costUSD: 0.5 },
    ],
    [
      'gets what its tool is given',
      { outputTokens: 100 },
      { outputTokens: 80 },
      3,
      { outputTokens: 80 },
    ],
    [
      'gets no more than is left',
      { outputTokens: 100 },
      { outputTokens: 800 },
      3,
      { outputTokens: 100 },
    ],
    [
      'gets what its tool is given where nothing else limits it',
      {},
      { costUSD: 1 },
      3,
      { costUSD: 1 },
    ],
    [
      'keeps the rounds and the time that its tool is given',
      { toolCalls: 9 },
      { rounds: 3, wallTime: 50 },
      2,
      { rounds: 3, wallTime: 50, toolCalls: 3 },
    ],
    ['may answer without tools', { toolCalls: 0 }, undefined, 1, { toolCalls: 0 }],
    ['has no limit that nobody has set', {}, undefined, 1, {}],
  ] as const)('%s', ([, left, given, sharers, limits]) => {
    const reserved = reserve(of(left), 'a', { ...(given && { given }), sharers });
    expect(reserved?.limits).toEqual(limits);
  });

  test.for([
    [{ outputTokens: 1 }, undefined],
    [{ inputTokens: 0 }, { inputTokens: 500 }],
    [{ costUSD: -0.1 }, undefined],
  ] as const)('does not run if nothing is left for it: %j', ([left, given]) => {
    expect(reserve(of(left), 'a', { ...(given && { given }), sharers: 1 })).toBeUndefined();
  });

  test('that starts after others gets as much as they did', () => {
    const first = reserve(of({ outputTokens: 100 }), 'a', { sharers: 3 });
    const second = reserve(first?.reserve ?? of({}), 'b', { sharers: 2 });
    const third = reserve(second?.reserve ?? of({}), 'c', { sharers: 1 });
    const limits = [first, second, third].map((one) => one?.limits.outputTokens);
    expect(limits).toEqual([25, 25, 25]);
  });

  test('gives back what it has not used, and the rest counts', () => {
    const reserved = reserve(of({ outputTokens: 100, costUSD: 1 }), 'a', { sharers: 1 });
    const after = giveBack(reserved?.reserve ?? of({}), 'a', spent({ outputTokens: 10 }));
    expect(after).toEqual({ left: { outputTokens: 90, costUSD: 1 }, open: {} });
  });

  test('that has spent more than it had leaves less for the others', () => {
    const reserved = reserve(of({ outputTokens: 100 }), 'a', { sharers: 1 });
    const after = giveBack(reserved?.reserve ?? of({}), 'a', spent({ outputTokens: 120 }));
    expect(after.left).toEqual({ outputTokens: -20 });
    expect(reserve(after, 'b', { sharers: 1 })).toBeUndefined();
  });

  test('without a reservation gives nothing back', () => {
    const after = giveBack(of({ outputTokens: 10, costUSD: 1 }), 'a', spent({ outputTokens: 3 }));
    expect(after).toEqual({ left: { outputTokens: 7, costUSD: 1 }, open: {} });
  });

  test('without a turn has spent nothing', () => {
    const nothing = { toolCalls: 0, inputTokens: 0, outputTokens: 0 };
    expect(spentBy(undefined)).toEqual(nothing);
    const usage = { ...NO_USAGE, input_tokens: 3, cache_read_input_tokens: 4, output_tokens: 5 };
    const turn = {
      turnId: 't',
      agent: 'a',
      stopReason: 'end_turn',
      rounds: 1,
      toolCalls: 2,
    } as const;
    expect(spentBy({ ...turn, usage, costUSD: 0.5 })).toEqual({
      toolCalls: 2,
      inputTokens: 7,
      outputTokens: 5,
      costUSD: 0.5,
    });
  });
});

const NAMES = ['toolCalls', 'inputTokens', 'outputTokens'] as const;

const amounts = fc.record(
  {
    toolCalls: fc.nat(50),
    inputTokens: fc.nat(10_000),
    outputTokens: fc.nat(10_000),
    costUSD: fc.nat(5_000).map((thousandths) => thousandths / 1_000),
  },
  { requiredKeys: [] },
);

test('whatever is given, and in whatever order they end, sub-agents together never spend more than there is', () => {
  const step = fc.oneof(
    fc.record({
      type: fc.constant('start' as const),
      given: amounts,
      sharers: fc.integer({ min: 1, max: 6 }),
    }),
    // Which of the open ones ends, and what share of its part it has spent.
    fc.record({
      type: fc.constant('end' as const),
      which: fc.nat(),
      share: fc.double({ min: 0, max: 1, noNaN: true }),
    }),
  );
  fc.assert(
    fc.property(amounts, fc.array(step, { maxLength: 40 }), (budget, steps) => {
      let state = openReserve(budget, NOTHING_SPENT, 0);
      const running = new Map<string, Budget>();
      const total = { ...NOTHING_SPENT, costUSD: 0 };
      for (const [i, one] of steps.entries()) {
        if (one.type === 'start') {
          const started = reserve(state, `${i}`, one);
          if (started === undefined) continue;
          state = started.reserve;
          running.set(`${i}`, started.limits);
        } else {
          const ids = [...running.keys()];
          const id = ids[one.which % Math.max(1, ids.length)];
          if (id === undefined) continue;
          const limits = running.get(id) ?? {};
          running.delete(id);
          const used = spent({ costUSD: (limits.costUSD ?? 0) * one.share });
          for (const name of NAMES) used[name] = Math.floor((limits[name] ?? 0) * one.share);
          for (const name of NAMES) total[name] += used[name];
          total.costUSD += used.costUSD ?? 0;
          state = giveBack(state, id, used);
        }
        // What has been spent and what may still be.
        for (const name of NAMES) {
          const open = [...running.values()].reduce((sum, limits) => sum + (limits[name] ?? 0), 0);
          const limit = budget[name] ?? Infinity;
          expect(total[name] + open).toBeLessThanOrEqual(limit);
        }
        const open = [...running.values()].reduce((sum, { costUSD = 0 }) => sum + costUSD, 0);
        expect(total.costUSD + open).toBeLessThanOrEqual((budget.costUSD ?? Infinity) + 1e-6);
      }
    }),
  );
});
