import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { jsonBytes } from '../../../core/json.ts';
import { fitOutcomes } from '../../../core/calls/merge-outcomes.ts';
import { MAY_HAVE_HAPPENED, workerLostText } from '../../../core/calls/texts.ts';
import type { ToolOutcome } from '../../../core/calls/outcome.ts';
import { outcome } from '../arbitraries.ts';

const text = (length: number): ToolOutcome => ({ type: 'succeeded', content: 'x'.repeat(length) });
const failure = (length: number): ToolOutcome => ({
  type: 'timedOut',
  message: 'x'.repeat(length),
});
/** A message stands in the conversation and in the record of its call. */
const costOf = (one: ToolOutcome) => jsonBytes(one) * (one.type === 'succeeded' ? 1 : 2);
const sizeOf = (outcomes: readonly ToolOutcome[]) =>
  outcomes.reduce((sum, one) => sum + costOf(one), 0);
const isNotice = (one: ToolOutcome | undefined) =>
  one?.type === 'failed' &&
  /^The call succeeded, but its result( \(\d+ bytes\))? does not fit/.test(one.message);

describe('outcomes that have to fit into the remaining room', () => {
  test('do not change if there is room', () => {
    const outcomes = [text(100), text(2_000)];

    expect(fitOutcomes(outcomes, sizeOf(outcomes))).toEqual(outcomes);
  });

  test('lose the largest ones first, with a notice that says so', () => {
    const outcomes = [text(500), text(9_000), text(600)];

    expect(fitOutcomes(outcomes, 2_000)).toEqual([
      outcomes[0],
      {
        type: 'failed',
        message: `The call succeeded, but its result (${jsonBytes(outcomes[1])} bytes) does not fit into this conversation any more, because no storage is configured.`,
      },
      outcomes[2],
    ]);
  });

  test('lose as many as necessary', () => {
    const outcomes = [text(5_000), text(400), text(7_000), text(6_000)];

    const fitted = fitOutcomes(outcomes, 1_900);

    expect(fitted.map(isNotice)).toEqual([true, false, true, true]);
  });

  test('keep the short ones even without any room, since a notice would be longer', () => {
    const outcomes = [text(9_000), text(10)];

    expect(fitOutcomes(outcomes, -1).map(isNotice)).toEqual([true, false]);
  });

  test('are all kept if the room is infinite', () => {
    expect(fitOutcomes([text(3_000_000)], Number.POSITIVE_INFINITY)).toEqual([text(3_000_000)]);
  });

  test('keep their type if they are not results, and lose the end of a long message', () => {
    const unknown: ToolOutcome = {
      type: 'unknown',
      message: `${workerLostText(10_000)} ${MAY_HAVE_HAPPENED}`,
    };
    const failed: ToolOutcome = { type: 'failed', message: `E42 ${'x'.repeat(3_000)}` };

    const fitted = fitOutcomes([unknown, failed], 1_200);

    expect(fitted[0]).toBe(unknown);
    expect(fitted[1]).toEqual({ type: 'failed', message: `E42 ${'x'.repeat(295)}…` });
  });

  test('are reduced to a few words if even that does not fit, and keep their type', () => {
    const long = 'E42 é" '.repeat(100);
    const types = [
      'failed',
      'timedOut',
      'unknown',
      'denied',
      'cancelled',
      'skipped',
    ] as const satisfies ToolOutcome['type'][];

    const fitted = fitOutcomes([...types.map((type) => ({ type, message: long })), text(300)], 0);

    expect(fitted).toEqual([
      { type: 'failed', message: expect.stringMatching(/^E42 é" E42.{1,70}…$/) as string },
      { type: 'timedOut', message: MAY_HAVE_HAPPENED },
      { type: 'unknown', message: MAY_HAVE_HAPPENED },
      { type: 'denied', message: 'Not approved, so it did not run.' },
      { type: 'cancelled', message: MAY_HAVE_HAPPENED },
      { type: 'skipped', message: 'Not executed.' },
      {
        type: 'failed',
        message: expect.stringMatching(/^The call succeeded, but its result/) as string,
      },
    ]);
    expect(Math.max(...fitted.map(costOf))).toBeLessThan(220);
  });

  test('keep their number and order, and fit if they can, for any outcomes and any room', () => {
    const anyOutcomes = fc.array(
      fc.oneof(
        outcome,
        fc.integer({ min: 0, max: 5_000 }).map(text),
        fc.integer({ min: 0, max: 3_000 }).map(failure),
      ),
      { maxLength: 10 },
    );
    fc.assert(
      fc.property(anyOutcomes, fc.integer({ min: -100, max: 20_000 }), (outcomes, room) => {
        const fitted = fitOutcomes(outcomes, room);

        expect(fitted).toHaveLength(outcomes.length);
        for (const [i, one] of outcomes.entries()) {
          const now = fitted[i];
          if (now === one) continue;
          expect(now === undefined ? 0 : costOf(now)).toBeLessThan(costOf(one));
          if (one.type === 'succeeded') expect(isNotice(now)).toBe(true);
          else expect(now?.type).toBe(one.type);
        }
        if (sizeOf(outcomes) <= room) expect(fitted).toEqual(outcomes);
        // Cut wherever something can be, it could not be smaller than this.
        const least = sizeOf(fitOutcomes(outcomes, Number.NEGATIVE_INFINITY));
        expect(sizeOf(fitted)).toBeLessThanOrEqual(Math.max(room, least));
      }),
    );
  });

  test('are cut only if the kept ones would not fit with them', () => {
    fc.assert(
      fc.property(
        fc.array(fc.integer({ min: 0, max: 5_000 }).map(text), { maxLength: 10 }),
        fc.integer({ min: 0, max: 20_000 }),
        (outcomes, room) => {
          const fitted = fitOutcomes(outcomes, room);
          const cut = outcomes.filter((one, i) => fitted[i] !== one).map(jsonBytes);
          const kept = outcomes.filter((one, i) => fitted[i] === one).map(jsonBytes);
          expect(Math.min(...cut)).toBeGreaterThanOrEqual(Math.max(...kept));
          // The smallest that was cut would have been one too many.
          const notice = Math.min(...fitted.filter(isNotice).map(costOf));
          if (cut.length > 0) {
            expect(sizeOf(fitted) + Math.min(...cut) - notice).toBeGreaterThan(room - 10);
          }
        },
      ),
    );
  });
});
