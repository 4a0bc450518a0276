import type { CallRecord } from '../core/calls/record.ts';
import type { Message, ToolResult } from '../core/conversation/messages.ts';
import { asBlocks } from '../core/conversation/messages.ts';
import { shorten } from '../core/json.ts';
import type { TurnProgress } from '../core/turn/result.ts';
import type { StopReason } from '../core/turn/stop-reason.ts';

/** The result of a turn, or the `progress` of a `TurnFailedError`. */
export type ObservedTurn = TurnProgress & { readonly stopReason?: StopReason };

/** Longer inputs and messages are cut: the reader only needs to see which call it was. */
const MAX_TEXT = 300;

/** What a turn did, with a line for each call. Every failed assertion ends with it. */
export function turnText({ agent, stopReason, rounds, calls }: ObservedTurn): string {
  const ending = stopReason === undefined ? 'failed' : `ended with ${stopReason}`;
  const head = `The turn of ${agent} ${ending} after ${rounds} ${rounds === 1 ? 'round' : 'rounds'}`;
  if (calls.length === 0) return `${head}, without any call.`;
  return [`${head}. Its calls:`, ...calls.map(recordLine)].join('\n');
}

function recordLine({ round, name, input, outcome, attempts, message }: CallRecord): string {
  const tries = attempts === 1 ? '' : ` (${attempts} attempts)`;
  const reason = message === undefined ? '' : `: ${shorten(message, MAX_TEXT)}`;
  return `  round ${round}  ${callText(name, input)} -> ${outcome}${tries}${reason}`;
}

/** `get_orders {"customer_id":7}` */
export function callText(name: string, input: unknown): string {
  return `${name} ${json(input)}`;
}

export function json(value: unknown): string {
  return shorten(JSON.stringify(value) ?? String(value), MAX_TEXT);
}

/** What the model reads as the result of a call. */
export function answerText(messages: readonly Message[], callId: string): string {
  const result = messages.flatMap(resultsOf).find(({ tool_use_id }) => tool_use_id === callId);
  const { content } = result ?? {};
  if (typeof content === 'string') return content;
  return (content ?? []).flatMap((part) => (part.type === 'text' ? [part.text] : [])).join('\n');
}

/**
 * Every place where a call is not answered exactly once, in the next message, in call order. A message that
 * answers calls of this turn may hold only results, plus the late results of calls in the background. An
 * earlier message, which the caller gave, may also hold a person's words.
 */
export function answerProblems(turn: Pick<TurnProgress, 'messages' | 'calls'>): string[] {
  const problems: string[] = [];
  const own = new Set(turn.calls.map(({ id }) => id));
  const hasLate = turn.calls.some(({ late }) => late === true);
  const asked = new Set<string>();
  let open: string[] = [];
  for (const [i, message] of turn.messages.entries()) {
    const where = `messages[${i}] (${message.role})`;
    const answered = resultsOf(message).map(({ tool_use_id }) => tool_use_id);
    if (!isSameList(answered, open)) {
      problems.push(`${where} answers ${list(answered)}; it should answer ${list(open)}`);
    }
    const blocks = asBlocks(message);
    const others = blocks.length - answered.length;
    const leading = blocks.findIndex(({ type }) => type !== 'tool_result');
    if (answered.length > 0 && others > 0) {
      if (answered.some((id) => own.has(id)) && !hasLate)
        problems.push(`${where} holds more than the results of this turn`);
      else if (leading < answered.length) problems.push(`${where} has words before its results`);
    }
    open = callIds(message);
    for (const id of open) {
      if (asked.has(id)) problems.push(`${where} uses the id ${id} a second time`);
      asked.add(id);
    }
  }
  if (open.length > 0) problems.push(`${list(open)} has no answer`);
  const unasked = [...own].filter((id) => !asked.has(id));
  if (unasked.length > 0) problems.push(`no message asks for ${list(unasked)}`);
  return problems;
}

function resultsOf(message: Message): ToolResult[] {
  return message.role === 'user'
    ? asBlocks(message).filter((block) => block.type === 'tool_result')
    : [];
}

function callIds(message: Message): string[] {
  return message.role === 'assistant'
    ? asBlocks(message).flatMap((block) => (block.type === 'tool_use' ? [block.id] : []))
    : [];
}

function isSameList(a: readonly string[], b: readonly string[]): boolean {
  return a.length === b.length && a.every((id, i) => id === b[i]);
}

function list(ids: readonly string[]): string {
  return ids.length === 0 ? 'nothing' : ids.join(', ');
}
