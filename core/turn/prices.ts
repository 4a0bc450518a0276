import type { Usage } from './usage.ts';
import { cacheCreation } from './usage.ts';

/** What a model costs, in USD per million tokens, under the headings of Anthropic's price list. */
export interface Prices {
  /** Input that is neither read from the prompt cache nor written to it. */
  input: number;
  /** Thinking included. */
  output: number;
  /** Input that is written to the cache for five minutes. @default 1.25 times `input` */
  cacheWrite5m?: number;
  /** Input that is written to the cache for an hour. @default 2 times `input` */
  cacheWrite1h?: number;
  /** Input that is read from the cache; newer models charge less. @default 0.1 times `input` */
  cacheRead?: number;
}

/** The prices of tokens in USD. Tools of the API that are charged per use are not included. */
export function costOf(usage: Usage, prices: Prices): number {
  const { input, output } = prices;
  const { cacheWrite5m = 1.25 * input, cacheWrite1h = 2 * input, cacheRead = 0.1 * input } = prices;
  const written = cacheCreation(usage);
  const perMillion =
    usage.input_tokens * input +
    usage.output_tokens * output +
    written.ephemeral_5m_input_tokens * cacheWrite5m +
    written.ephemeral_1h_input_tokens * cacheWrite1h +
    usage.cache_read_input_tokens * cacheRead;
  return roundUSD(perMillion / 1_000_000);
}

/**
 * Rounded to a billionth of a dollar: finer than the price of any token, coarser than the errors of adding
 * fractions.
 */
export function roundUSD(amount: number): number {
  return Math.round(amount * 1e9) / 1e9;
}

/** The sum of the known amounts; `undefined` if none is known. */
export function sumUSD(...amounts: readonly (number | undefined)[]): number | undefined {
  const known = amounts.filter((amount) => amount !== undefined);
  return known.length === 0 ? undefined : roundUSD(known.reduce((sum, amount) => sum + amount, 0));
}

/**
 * Examples, as of 22 November 2026: standard prices of the Claude API, from the models' own pages,
 * https://platform.claude.com/docs/en/models/opus-5-5/overview and the like, and from
 * https://platform.claude.com/docs/en/about-claude/pricing. Prices change, and they differ by platform
 * and contract, so look yours up.
 *
 * Left out are models whose price depends on the length of the prompt, like `claude-haiku-5-5`, and
 * those whose whole price could not be verified, like `claude-sonnet-5-5`.
 */
export const examplePrices = {
  'claude-fable-5-1': {
    input: 10,
    output: 50,
    cacheWrite5m: 12.5,
    cacheWrite1h: 20,
    cacheRead: 0.25,
  },
  'claude-opus-5-5': { input: 4, output: 20, cacheWrite5m: 5, cacheWrite1h: 8, cacheRead: 0.2 },
  'claude-opus-5': { input: 5, output: 25, cacheWrite5m: 6.25, cacheWrite1h: 10, cacheRead: 0.5 },
} as const satisfies Record<string, Prices>;
