import { shorten } from '../core/json.ts';
import type { CallRecord } from '../core/calls/record.ts';
import type { ObservedTurn } from './expect-turn.ts';

/** Longer inputs and messages are cut: the reader wants to see which call it was. */
const MAX_TEXT = 300;

/** What a turn did, one line a call: the second half of every failing assertion. */
export function turnText({ agent, stopReason, rounds, calls }: ObservedTurn): string {
  const ending = stopReason === undefined ? 'failed' : `ended with ${stopReason}`;
  const head = `The turn of ${agent} ${ending} after ${rounds} ${rounds === 1 ? 'round' : 'rounds'}`;
  if (calls.length === 0) return `${head}, without any call.`;
  return [`${head}. Its calls:`, ...calls.map(recordLine)].join('\n');
}

/** `get_orders {"customer_id":7}` */
export function callLine(name: string, input: unknown): string {
  return `${name} ${json(input)}`;
}

export function json(value: unknown): string {
  return shorten(JSON.stringify(value) ?? String(value), MAX_TEXT);
}

function recordLine({ round, name, input, outcome, attempts, message }: CallRecord): string {
  const tries = attempts === 1 ? '' : ` (${attempts} attempts)`;
  const told = message === undefined ? '' : `: ${shorten(message, MAX_TEXT)}`;
  return `  round ${round}  ${callLine(name, input)} -> ${outcome}${tries}${told}`;
}
