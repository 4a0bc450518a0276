import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { Budget, BudgetName, Spent } from '../../../core/turn/budget.ts';
import {
  addSpent,
  BUDGET_NAMES,
  callsWithin,
  findBudgetProblem,
  NOTHING_SPENT,
  reachedBudget,
  remaining,
  tighter,
} from '../../../core/turn/budget.ts';

const amount = (name: BudgetName) =>
  name === 'costUSD'
    ? fc.integer({ min: 0, max: 5_000 }).map((mills) => mills / 1_000)
    : fc.integer({ min: 0, max: 50 });

const amounts = Object.fromEntries(BUDGET_NAMES.map((name) => [name, amount(name)])) as Record<
  BudgetName,
  fc.Arbitrary<number>
>;
const budget: fc.Arbitrary<Budget> = fc.record(amounts, { requiredKeys: [] });
const spending: fc.Arbitrary<Spent> = fc.record(amounts);

describe('whatever the limits are and whatever is spent,', () => {
  test('a budget is reached exactly when nothing is left of one', () => {
    fc.assert(
      fc.property(budget, spending, (limits, spent) => {
        const left = Object.entries(remaining(limits, spent));
        const none = left.some(([name, amount]) => name !== 'toolCalls' && amount === 0);
        expect(reachedBudget(limits, spent) !== undefined).toBe(none);
      }),
    );
  });

  test('the rest of a budget, used as limits, is reached when the whole would have been', () => {
    fc.assert(
      fc.property(budget, spending, spending, (limits, earlier, later) => {
        const whole = reachedBudget(limits, addSpent(earlier, later));
        const rest = reachedBudget(remaining(limits, earlier), later);
        expect(rest?.reason).toBe(whole?.reason);
      }),
    );
  });

  test('the rest of a budget is a budget again, and a turn may be started with it', () => {
    fc.assert(
      fc.property(budget, spending, (limits, spent) => {
        const left = remaining(limits, spent);
        expect(findBudgetProblem(left, 'limits')).toBeUndefined();
        expect(Object.keys(left).toSorted()).toEqual(Object.keys(limits).toSorted());
      }),
    );
  });

  test('the tighter of two budgets is reached when one of them is', () => {
    fc.assert(
      fc.property(budget, budget, spending, (a, b, spent) => {
        const either =
          reachedBudget(a, spent) !== undefined || reachedBudget(b, spent) !== undefined;
        expect(reachedBudget(tighter(a, b), spent) !== undefined).toBe(either);
        expect(tighter(a, b)).toEqual(tighter(b, a));
        expect(tighter(a, {})).toEqual(a);
      }),
    );
  });

  test('no more calls run than are left, and all of them if that is enough', () => {
    fc.assert(
      fc.property(budget, spending, fc.nat(60), (limits, spent, asked) => {
        const { run, reached } = callsWithin(limits, spent, asked);
        const left = remaining(limits, spent).toolCalls ?? Number.POSITIVE_INFINITY;
        expect(run).toBe(Math.min(asked, left));
        expect(reached !== undefined).toBe(run < asked);
      }),
    );
  });

  test('sums do not depend on the order, and adding nothing changes nothing', () => {
    fc.assert(
      fc.property(spending, spending, spending, (a, b, c) => {
        expect(addSpent(addSpent(a, b), c)).toEqual(addSpent(c, addSpent(b, a)));
        expect(addSpent(a, NOTHING_SPENT)).toEqual(a);
      }),
    );
  });
});
