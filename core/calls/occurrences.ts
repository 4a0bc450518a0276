import { canonicalJson } from '../json.ts';
import type { ToolUse } from '../conversation/messages.ts';

/** For each call: how many calls before it have the same tool and the same input. */
export function occurrences(calls: readonly ToolUse[]): number[] {
  // The fast path: most replies call each tool once, and inputs may be long.
  if (new Set(calls.map(({ name }) => name)).size === calls.length) return calls.map(() => 0);
  const seen = new Map<string, number>();
  return calls.map(({ name, input }) => {
    const call = canonicalJson([name, input]);
    const before = seen.get(call) ?? 0;
    seen.set(call, before + 1);
    return before;
  });
}

interface Numbered {
  name: string;
  input: unknown;
  occurrence: number;
}

/** The number of a call whose input was edited: one that no equal call has. */
export function nextOccurrence(
  { name, input }: Omit<Numbered, 'occurrence'>,
  others: readonly Numbered[],
): number {
  const same = canonicalJson(input);
  const used = others
    .filter((other) => other.name === name && canonicalJson(other.input) === same)
    .map(({ occurrence }) => occurrence);
  return Math.max(-1, ...used) + 1;
}
