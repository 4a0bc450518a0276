import type { Usage } from './usage.ts';
import { inputTokens } from './usage.ts';

/** `5,120 tokens in (4,000 from the cache), 310 out, $0.0123` */
export function usageText(usage: Usage, costUSD: number | undefined): string {
  const { cache_read_input_tokens: cached } = usage;
  const from = cached === 0 ? '' : ` (${count(cached)} from the cache)`;
  const cost = costUSD === undefined ? '' : `, ${costText(costUSD)}`;
  return `${count(inputTokens(usage))} tokens in${from}, ${count(usage.output_tokens)} out${cost}`;
}

/** The same for a column: `5,120 in, 310 out`. */
export function tokensText(usage: Usage): string {
  return `${count(inputTokens(usage))} in, ${count(usage.output_tokens)} out`;
}

/** `$1.23`, `$0.0123` */
export function costText(costUSD: number): string {
  if (costUSD > 0 && costUSD < 0.0001) return 'under $0.0001';
  return `$${costUSD.toFixed(costUSD >= 1 || costUSD === 0 ? 2 : 4)}`;
}

function count(number: number): string {
  return number.toLocaleString('en-US');
}
