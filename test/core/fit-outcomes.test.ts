import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { jsonBytes } from '../../core/json.ts';
import { fitOutcomes } from '../../core/merge-outcomes.ts';
import type { ToolOutcome } from '../../core/outcome.ts';
import { outcome } from './arbitraries.ts';

const text = (length: number): ToolOutcome => ({ type: 'succeeded', content: 'x'.repeat(length) });
const sizeOf = (outcomes: readonly ToolOutcome[]) =>
  outcomes.reduce((sum, one) => sum + jsonBytes(one), 0);
const isNotice = (one: ToolOutcome | undefined) =>
  one?.type === 'failed' && /^The result \(\d+ bytes\) does not fit into/.test(one.message);

describe('outcomes that have to fit into the room that is left', () => {
  test('stay as they are where there is room', () => {
    const outcomes = [text(100), text(2_000)];

    expect(fitOutcomes(outcomes, sizeOf(outcomes))).toEqual(outcomes);
  });

  test('lose the largest of them first, with a notice that says so', () => {
    const outcomes = [text(500), text(9_000), text(600)];

    expect(fitOutcomes(outcomes, 2_000)).toEqual([
      outcomes[0],
      {
        type: 'failed',
        message: `The result (${jsonBytes(outcomes[1])} bytes) does not fit into this conversation any more, which has no storage configured.`,
      },
      outcomes[2],
    ]);
  });

  test('lose as many as it takes', () => {
    const outcomes = [text(5_000), text(400), text(7_000), text(6_000)];

    const fitted = fitOutcomes(outcomes, 1_200);

    expect(fitted.map(isNotice)).toEqual([true, false, true, true]);
  });

  test('keep the short ones even without any room, since a notice would be longer', () => {
    const outcomes = [text(9_000), text(10)];

    expect(fitOutcomes(outcomes, -1).map(isNotice)).toEqual([true, false]);
  });

  test('are all kept where the room is infinite', () => {
    expect(fitOutcomes([text(3_000_000)], Number.POSITIVE_INFINITY)).toEqual([text(3_000_000)]);
  });

  test('keep their number and order, and fit if they can, for any outcomes and any room', () => {
    const outcomesArbitrary = fc.array(
      fc.oneof(outcome, fc.integer({ min: 0, max: 5_000 }).map(text)),
      { maxLength: 10 },
    );
    fc.assert(
      fc.property(outcomesArbitrary, fc.integer({ min: -100, max: 20_000 }), (outcomes, room) => {
        const fitted = fitOutcomes(outcomes, room);

        expect(fitted).toHaveLength(outcomes.length);
        const replaced = outcomes.filter((one, i) => fitted[i] !== one);
        const kept = outcomes.filter((one, i) => fitted[i] === one);
        expect(fitted.filter((one, i) => outcomes[i] !== one).every(isNotice)).toBe(true);
        expect(sizeOf(fitted)).toBeLessThanOrEqual(sizeOf(outcomes));
        // Nothing is given up while something larger is kept, and nothing without need.
        const smallestReplaced = Math.min(...replaced.map(jsonBytes));
        expect(kept.every((one) => jsonBytes(one) <= smallestReplaced)).toBe(true);
        if (sizeOf(outcomes) <= room) expect(replaced).toEqual([]);
        // Given up entirely, it could not be smaller than this.
        const least = sizeOf(fitOutcomes(outcomes, Number.NEGATIVE_INFINITY));
        expect(sizeOf(fitted)).toBeLessThanOrEqual(Math.max(room, least));
      }),
    );
  });
});
