import { describe, expect, test } from 'vitest';
import type { Budget, Spent } from '../../../core/turn/budget.ts';
import {
  addSpent,
  budgetDetails,
  callsBeforeEnd,
  callsWithin,
  findBudgetProblem,
  NOTHING_SPENT,
  outOfTime,
  reachedBudget,
  remaining,
  spentOf,
  tighter,
} from '../../../core/turn/budget.ts';
import { NO_USAGE } from '../../../core/turn/usage.ts';
import { replyWith } from '../arbitraries.ts';

const spent = (parts: Partial<Spent>): Spent => ({ ...NOTHING_SPENT, ...parts });

describe('a budget that is reached', () => {
  test.for([
    [{ rounds: 3 }, { rounds: 3 }, 'max_rounds', 'The limit of 3 rounds is reached.'],
    [{ rounds: 1 }, { rounds: 2 }, 'max_rounds', 'The limit of 1 round is reached.'],
    [
      { inputTokens: 10 },
      { inputTokens: 12 },
      'max_input_tokens',
      'The limit of 10 input tokens is reached, with 12 spent.',
    ],
    [
      { outputTokens: 1 },
      { outputTokens: 1 },
      'max_output_tokens',
      'The limit of 1 output token is reached, with 1 spent.',
    ],
    [
      { costUSD: 0.5 },
      { costUSD: 0.612345678 },
      'max_cost',
      'The limit of $0.5 is reached, with $0.612346 spent.',
    ],
    [{ costUSD: 0 }, {}, 'max_cost', 'The limit of $0 is reached, with $0 spent.'],
    [
      { wallTime: 90_000 },
      { wallTime: 90_000 },
      'max_wall_time',
      'The time limit of 90 s for the turn (wallTime) is up.',
    ],
  ] as const)('is reported with what was spent: %j', ([budget, parts, reason, details]) => {
    const reached = reachedBudget(budget, spent(parts));

    expect(reached?.reason).toBe(reason);
    expect(reached === undefined ? undefined : budgetDetails(reached)).toBe(details);
  });

  test('is not one with something left, nor that of tool calls', () => {
    const budget: Budget = { rounds: 3, inputTokens: 10, costUSD: 1, toolCalls: 0 };

    expect(
      reachedBudget(budget, spent({ rounds: 2, inputTokens: 9, toolCalls: 4 })),
    ).toBeUndefined();
    expect(reachedBudget({}, spent({ rounds: 99 }))).toBeUndefined();
  });

  test('is the time, if a model call was given up', () => {
    expect(outOfTime(2_000)).toEqual({
      type: 'stop',
      reason: 'max_wall_time',
      details: 'The time limit of 2 s for the turn (wallTime) is up.',
    });
  });
});

describe('of the calls of a reply', () => {
  test('all run if there is no limit, or enough is left', () => {
    expect(callsWithin({}, spent({ toolCalls: 99 }), 7)).toEqual({ run: 7 });
    expect(callsWithin({ toolCalls: 10 }, spent({ toolCalls: 3 }), 7)).toEqual({ run: 7 });
  });

  test('the first ones run if more are requested than are left', () => {
    expect(callsWithin({ toolCalls: 10 }, spent({ toolCalls: 6 }), 10)).toEqual({
      run: 4,
      reached: {
        reason: 'max_tool_calls',
        text: 'the limit of 10 tool calls is reached: the last reply asked for 10 with 4 left',
      },
    });
  });
});

test('the tighter of two budgets applies, name by name', () => {
  expect(tighter({ rounds: 3, costUSD: 1 }, { rounds: 5, wallTime: 9, costUSD: 0 })).toEqual({
    rounds: 3,
    costUSD: 0,
    wallTime: 9,
  });
});

test('the rest is never below zero, and cents do not drift', () => {
  const budget = { rounds: 3, costUSD: 0.3, inputTokens: 5 };

  expect(remaining(budget, spent({ rounds: 1, costUSD: 0.1, inputTokens: 9 }))).toEqual({
    rounds: 2,
    costUSD: 0.2,
    inputTokens: 0,
  });
  expect(remaining({ costUSD: 1 }, NOTHING_SPENT)).toEqual({ costUSD: 1 });
});

test('what a turn has spent is read from what it has done', () => {
  const { usage } = replyWith();
  const calls = ['succeeded', 'skipped', 'failed', 'denied'].map((outcome) => ({
    outcome: outcome as 'succeeded',
  }));
  const counts = { toolCalls: 3, inputTokens: 10, outputTokens: 5, wallTime: 70 };

  expect(spentOf({ rounds: 1, usage, calls }, 70)).toEqual({ rounds: 1, ...counts });
  expect(spentOf({ rounds: 2, usage, calls, costUSD: 0.1 }, 70)).toEqual({
    rounds: 2,
    costUSD: 0.1,
    ...counts,
  });
});

test('the spending of several turns is summed, and their cost if it is known', () => {
  const one = spent({ rounds: 1, toolCalls: 2, inputTokens: 3, outputTokens: 4, wallTime: 5 });

  expect(addSpent(one, one)).toEqual(
    spent({ rounds: 2, toolCalls: 4, inputTokens: 6, outputTokens: 8, wallTime: 10 }),
  );
  expect(addSpent({ ...one, costUSD: 0.1 }, { ...one, costUSD: 0.2 }).costUSD).toBe(0.3);
  expect(addSpent({ ...one, costUSD: 0.1 }, one).costUSD).toBe(0.1);
  expect(addSpent(one, { ...one, costUSD: 0.1 }).costUSD).toBe(0.1);
});

test.each<[left: Budget, calls: number]>([
  [{}, Infinity],
  [{ rounds: 2 }, Infinity],
  [{ rounds: 1 }, 0],
  [{ toolCalls: 2 }, 2],
  [{ toolCalls: 0 }, 0],
  [{ outputTokens: 1_001 }, Infinity],
  [{ outputTokens: 1_000, toolCalls: 2 }, 0],
  [{ inputTokens: 11 }, Infinity],
  [{ inputTokens: 10 }, 0],
  // The dearer of the models.
  [{ costUSD: 0.06 }, Infinity],
  [{ costUSD: 0.05 }, 0],
])('with %j left, %s calls run of a reply that may come to 1,000 tokens', (left, calls) => {
  const most = { ...NO_USAGE, input_tokens: 10, output_tokens: 1_000 };
  const prices = [
    { input: 1, output: 5 },
    { input: 10, output: 50 },
  ];
  expect(callsBeforeEnd(left, most, prices)).toBe(calls);
});

describe('limits from outside', () => {
  test.for([
    [{}, undefined],
    [{ rounds: 0, costUSD: 0.5, wallTime: 0.5 }, undefined],
    [
      'none',
      'limits must be an object with rounds, toolCalls, inputTokens, outputTokens, costUSD, wallTime',
    ],
    [
      { turns: 3 },
      'unknown field limits.turns; known fields: rounds, toolCalls, inputTokens, outputTokens, costUSD, wallTime',
    ],
    [{ rounds: -1 }, 'limits.rounds must be a number of at least 0'],
    [{ costUSD: '1' }, 'limits.costUSD must be a number of at least 0'],
    [{ wallTime: Number.NaN }, 'limits.wallTime must be a number of at least 0'],
    [{ toolCalls: 1.5 }, 'limits.toolCalls must be a whole number'],
    [{ wallTime: 3_153_600_000_000 }, undefined],
    [
      { wallTime: 3_153_600_000_001 },
      'limits.wallTime must be at most 3153600000000 milliseconds, which is 36,500 days',
    ],
  ] as const)('%j: %s', ([limits, problem]) => {
    expect(findBudgetProblem(limits, 'limits')).toBe(problem);
  });
});
