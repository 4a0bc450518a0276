import type { Measurement } from './results.ts';
import { kilobytes } from './text.ts';

/** How many rounds are averaged at the beginning and at the end of a turn. */
const SPAN = 10;

/** What a round adds to history, at the beginning and at the end of a turn. */
export function roundLines(results: readonly (readonly Measurement[])[]): string[] {
  const [short, long] = results.filter((one) => one.some(({ sizes }) => sizes !== undefined));
  const lines = (long ?? short ?? []).flatMap((measurement) => {
    const { sizes = [], contender } = measurement;
    if (sizes.length <= SPAN) return [];
    const first = growth(sizes.slice(0, SPAN + 1));
    const last = growth(sizes.slice(-1 - SPAN));
    const before = short?.find((other) => other.contender === contender);
    const between = long === undefined ? undefined : slope(before, measurement);
    const parts = [
      `rounds 1 to ${SPAN}: ${kilobytes(first)}`,
      `${sizes.length - SPAN} to ${sizes.length - 1}: ${kilobytes(last)}`,
      ...(between === undefined ? [] : [`long turn less short one: ${kilobytes(between)}`]),
    ];
    return [`  ${contender.padEnd(22)}${parts.join('   ')}`];
  });
  return lines.length === 0 ? [] : ['', 'What one round adds to history', ...lines];
}

function growth(sizes: readonly number[]): number {
  return ((sizes.at(-1) ?? 0) - (sizes[0] ?? 0)) / (sizes.length - 1);
}

/** From the two whole histories; `undefined` if one was terminated. */
function slope(short: Measurement | undefined, long: Measurement): number | undefined {
  if (short?.history === undefined || long.history === undefined) return undefined;
  if (long.terminated !== undefined) return undefined;
  const rounds = (long.sizes?.length ?? 0) - (short.sizes?.length ?? 0);
  return (long.history.bytes - short.history.bytes) / rounds;
}
