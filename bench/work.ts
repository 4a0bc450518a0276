import { createHash } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Scenario } from './scenarios.ts';

// The work, the same for every contender: the calls, what the tools do, and the right answer.

/** The input of a tool. */
export interface LookupInput {
  ms: number;
  bytes: number;
  /** Different for every call of a turn, so that the results differ. */
  key: string;
}

export const TOOL_NAMES = ['get_customer', 'get_orders', 'get_tickets'] as const;

/** What every tool does: waits, as if for a service, and returns a text made from its input. */
export async function lookUp({ ms, bytes, key }: LookupInput): Promise<string> {
  await sleep(ms);
  return resultOf({ bytes, key });
}

/** Hex digits, because a text of one letter would compress to nothing on its way to the server. */
function resultOf({ bytes, key }: Omit<LookupInput, 'ms'>): string {
  let text = '';
  for (let i = 0; text.length < bytes; i += 1) text += digestOf(`${key}/${i}`);
  return text.slice(0, bytes);
}

/** The calls of one round, in the order in which the model asks for them. */
export function callsOf(
  { waits, bytes, rounds }: Scenario,
  round: number,
): readonly (readonly [name: string, input: LookupInput])[] {
  const from = Math.floor((round * waits.length) / rounds);
  return [...waits.slice(from), ...waits.slice(0, from)].map((ms, i) => [
    TOOL_NAMES[i % TOOL_NAMES.length] ?? TOOL_NAMES[0],
    { ms, bytes, key: `${round}.${i}` },
  ]);
}

/** The answer of a model that reads these results, in this order. */
export function answerTo(results: readonly string[]): string {
  return `${results.length} results, ${digestOf(results.join('\n'))}`;
}

/** The answer when no result is lost, doubled or swapped. */
export function rightAnswer(scenario: Scenario): string {
  const rounds = Array.from({ length: scenario.rounds }, (_, round) => callsOf(scenario, round));
  return answerTo(rounds.flat().map(([, input]) => resultOf(input)));
}

function digestOf(text: string): string {
  return createHash('sha256').update(text).digest('hex');
}
