import type { BackgroundCall, ResultReading } from '../calls/background.ts';
import { fitOutcomes } from '../calls/merge-outcomes.ts';
import type { SettledCall, ToolOutcome } from '../calls/outcome.ts';
import { lateRecord } from '../calls/record.ts';
import { lateResultText } from '../calls/texts.ts';
import type { InputBlock, Message } from '../conversation/messages.ts';
import { openServerCalls } from '../conversation/server-calls.ts';
import { append, INLINE_BYTES, withTail } from '../conversation/transcript.ts';
import { defined } from '../json.ts';
import type { Budget, Spent } from './budget.ts';
import { spentOf } from './budget.ts';
import type { Room } from './payload-room.ts';
import { roundUSD } from './prices.ts';
import type { TurnState } from './state.ts';
import { inlineBytes, spentBySubAgents } from './state.ts';

// What a turn remembers of its calls in the background. Every function here returns a new state.

type State = Pick<TurnState, 'background'>;

type LateCall = BackgroundCall & { ended: SettledCall };

/** The calls that have not ended. */
export function runningInBackground({ background = [] }: State): BackgroundCall[] {
  return background.filter(({ ended }) => ended === undefined);
}

/** The calls that have ended, but whose results the model does not have yet. */
export function lateCalls({ background = [] }: State): LateCall[] {
  return background.filter((call): call is LateCall => call.ended !== undefined);
}

/** The batch of a call has ended, but the call has not. */
export function goOnInBackground(state: TurnState, call: BackgroundCall): TurnState {
  return { ...state, background: [...(state.background ?? []), call] };
}

/** A call in the background has ended: its use counts, and its record says how it ended. */
export function endInBackground(state: TurnState, callId: string, settled: SettledCall): TurnState {
  const { background = [], calls, stored } = state;
  const known = background.find((call) => call.callId === callId);
  if (known === undefined) return state;
  const { reserved: _, ...call } = known;
  return {
    ...state,
    ...spentBySubAgents(state, [settled]),
    // The batch may have ended while its answer is not committed yet.
    calls: calls.map((record) => (record.id === callId ? lateRecord(record, settled) : record)),
    stored: [...stored, ...(settled.stored === undefined ? [] : [settled.stored])],
    background: background.map((one) => (one === known ? { ...call, ended: settled } : one)),
  };
}

/** What `get_agent_result` finds. */
export function findResult({ background = [], calls }: TurnState, id: string): ResultReading {
  const call = background.find(({ callId }) => callId === id);
  if (call?.ended !== undefined) return { type: 'ended', outcome: call.ended.outcome };
  if (call !== undefined) return { type: 'running', tool: call.tool, since: call.since };
  if (calls.some((record) => record.id === id && record.late === true)) return { type: 'given' };
  return {
    type: 'unknown',
    running: runningInBackground({ background }).map(({ callId }) => callId),
  };
}

/** The model gets the result, if there is one. */
export function takeResult(state: TurnState, id: string): TurnState {
  return withBackground(
    state,
    (state.background ?? []).filter(({ callId, ended }) => callId !== id || ended === undefined),
  );
}

/** What the turn has spent, plus what calls in the background may still spend of it. */
export function committedBy(state: TurnState, elapsed: number): Spent {
  return runningInBackground(state).reduce(
    (sum, { reserved = {} }) => plus(sum, reserved),
    spentOf(state, elapsed),
  );
}

function plus(
  spent: Spent,
  { toolCalls = 0, inputTokens = 0, outputTokens = 0, costUSD }: Budget,
): Spent {
  return {
    ...spent,
    toolCalls: spent.toolCalls + toolCalls,
    inputTokens: spent.inputTokens + inputTokens,
    outputTokens: spent.outputTokens + outputTokens,
    ...defined({
      costUSD: costUSD === undefined ? spent.costUSD : roundUSD((spent.costUSD ?? 0) + costUSD),
    }),
  };
}

/**
 * Gives the model the results of calls in the background that have ended since it was last asked.
 *
 * - `after results`: after the results of its own calls, in the same message
 * - `after end_turn`: in a separate message
 *
 * The API accepts no second `tool_result` for a call, so each result is a text that names its call, followed
 * by its images and documents. While one of the API's own tools is at work, only results may be there.
 */
export function commitLateResults(
  state: TurnState,
  place: 'after results' | 'after end_turn',
  room: Room,
): TurnState {
  const late = lateCalls(state);
  const { transcript } = state;
  const { tail } = transcript;
  // Steering messages may follow the results, as system messages.
  const last = tail.findLastIndex(({ role }) => role !== 'system');
  const before = tail[last];
  if (late.length === 0 || openServerCalls(tail).length > 0) return state;
  if (place === 'after results' && before?.role !== 'user') return state;
  const blocks = blocksOf(late, room, INLINE_BYTES - inlineBytes(state));
  const isBeside = place === 'after results' && before?.role === 'user';
  const given = withBackground(state, runningInBackground(state));
  return {
    ...given,
    transcript: isBeside
      ? append(
          withTail(transcript, tail.slice(0, last)),
          withBlocks(before, blocks),
          ...tail.slice(last + 1),
        )
      : append(transcript, { role: 'user', content: blocks }),
  };
}

function withBlocks({ content }: Message, blocks: readonly InputBlock[]): Message {
  const own: readonly InputBlock[] =
    typeof content === 'string' ? [{ type: 'text', text: content }] : content;
  return { role: 'user', content: [...own, ...blocks] };
}

function blocksOf(late: readonly LateCall[], room: Room, roomBytes: number): InputBlock[] {
  const all = late.map(({ ended }) => ended.outcome);
  const outcomes = room.type === 'storage' ? all : fitOutcomes(all, roomBytes);
  return late.flatMap((call, i) => resultBlocks(call, outcomes[i] as ToolOutcome));
}

function resultBlocks(call: BackgroundCall, outcome: ToolOutcome): InputBlock[] {
  if (outcome.type !== 'succeeded') {
    return [{ type: 'text', text: lateResultText(call, outcome.message, true) }];
  }
  const { content } = outcome;
  const parts = typeof content === 'string' ? [{ type: 'text' as const, text: content }] : content;
  const said = parts.flatMap((part) => (part.type === 'text' ? part.text : []));
  const shown = parts.filter((part) => part.type !== 'text');
  return [
    { type: 'text', text: lateResultText(call, said.join('\n\n'), false) },
    ...(shown as InputBlock[]),
  ];
}

/** Without the field if it would be empty, as in turns that have no such calls. */
function withBackground(state: TurnState, background: BackgroundCall[]): TurnState {
  const { background: _, ...rest } = state;
  return background.length === 0 ? rest : { ...rest, background };
}
