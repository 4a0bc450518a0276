import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { costOf, examplePrices } from '../../../core/turn/prices.ts';
import { addUsage, NO_USAGE } from '../../../core/turn/usage.ts';

const million = 1_000_000;
const usage = {
  input_tokens: million,
  output_tokens: 2 * million,
  cache_creation_input_tokens: 7 * million,
  cache_read_input_tokens: 10 * million,
  cache_creation: {
    ephemeral_5m_input_tokens: 3 * million,
    ephemeral_1h_input_tokens: 4 * million,
  },
};

describe('the cost of tokens', () => {
  test('follows their price list', () => {
    expect(costOf(usage, examplePrices['claude-opus-5-5'])).toBe(4 + 40 + 15 + 32 + 2);
  });

  test('uses the usual multiples of the input price if the cache has no prices', () => {
    expect(costOf(usage, { input: 10, output: 50 })).toBe(10 + 100 + 37.5 + 80 + 10);
  });

  test('counts cached tokens as cached for five minutes if the API does not say how long', () => {
    const { cache_creation: _, ...unsplit } = usage;
    expect(costOf(unsplit, { input: 10, output: 50 })).toBe(10 + 100 + 87.5 + 10);
  });

  test('of single tokens adds up to the cost of all of them', () => {
    const token = { ...NO_USAGE, input_tokens: 1, cache_read_input_tokens: 1 };
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 300 }), (count) => {
        const sum = Array.from({ length: count }).reduce(
          (total: typeof NO_USAGE) => addUsage(total, token),
          NO_USAGE,
        );
        expect(costOf(sum, { input: 0.1, output: 0, cacheRead: 0.02 })).toBe(
          Math.round(count * 120) / 1e9,
        );
      }),
    );
  });
});
