import { isDeepStrictEqual } from 'node:util';
import type { CallRecord } from '../core/calls/record.ts';
import { callText } from './observed-turn.ts';

/**
 * Which input a call has: exactly this one, or one for which the function returns true. A model writes the same
 * thing in more than one way, and may leave out what is optional: then a condition says what matters.
 */
// oxlint-disable-next-line typescript/no-empty-object-type -- any value, without losing the function's parameter
export type InputMatch = {} | null | undefined | ((input: Record<string, unknown>) => boolean);

/** Calls of a tool: all of them, or those with this input. */
export type CallMatch = string | readonly [name: string, input: InputMatch];

export function matches(match: CallMatch, { name, input }: CallRecord): boolean {
  if (typeof match === 'string') return name === match;
  const [wanted, expected] = match;
  if (name !== wanted) return false;
  if (typeof expected !== 'function') return isDeepStrictEqual(input, expected);
  return (expected as (input: unknown) => boolean)(input);
}

/** `refund`, `refund {"order":"A-17"}`, or `refund with input => input.order === 'A-17'`. */
export function matchText(match: CallMatch): string {
  if (typeof match === 'string') return match;
  const [name, input] = match;
  if (typeof input !== 'function') return callText(name, input);
  return `${name} with ${String(input).replaceAll(/\s+/g, ' ')}`;
}

/** `a`, `a and b`, `a, b and c`; `nothing` for an empty list. */
export function listText(texts: readonly string[]): string {
  const last = texts.at(-1);
  if (last === undefined) return 'nothing';
  return texts.length === 1 ? last : `${texts.slice(0, -1).join(', ')} and ${last}`;
}

/** What remains after as many matches as possible have got a call each. */
export interface Assignment {
  /** Matches without a call. */
  missing: CallMatch[];
  /** Calls without a match. */
  extra: CallRecord[];
}

/**
 * Gives each match a call of its own. A call may suit several, such as `'look'` and `['look', { page: 1 }]`:
 * then earlier matches move to another call, if there is one (augmenting paths).
 */
export function assign(wanted: readonly CallMatch[], calls: readonly CallRecord[]): Assignment {
  const takenBy = new Map<CallRecord, CallMatch>();
  const take = (match: CallMatch, tried: Set<CallRecord>): boolean =>
    calls.some((call) => {
      if (tried.has(call) || !matches(match, call)) return false;
      tried.add(call);
      const owner = takenBy.get(call);
      if (owner !== undefined && !take(owner, tried)) return false;
      takenBy.set(call, match);
      return true;
    });
  const missing = wanted.filter((match) => !take(match, new Set()));
  return { missing, extra: calls.filter((call) => !takenBy.has(call)) };
}
