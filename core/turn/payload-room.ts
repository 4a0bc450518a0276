import { jsonBytes } from '../json.ts';
import type { ToolUse } from '../conversation/messages.ts';
import { textOf, toolUses } from '../conversation/messages.ts';
import type { CheckedOutput, ModelReply } from '../conversation/reply.ts';
import type { NextStep, TurnState } from './state.ts';
import { INLINE_BYTES } from '../conversation/transcript.ts';
import { inlineBytes } from './state.ts';

// The server terminates a run at 51,200 events or 50 MB of history, without a word to the workflow.
const MAX_EVENTS = 50_000;
const MAX_BYTES = 40_000_000;

/** A call that is scheduled, started and settled, with a workflow task of its own. */
const EVENTS_PER_CALL = 6;

/** A run is not given up for a new one before it has done something. */
const MIN_EVENTS = 20;

/** What Temporal says of the run. */
export interface RunHistory {
  historyLength: number;
  historySize: number;
  continueAsNewSuggested: boolean;
}

/** Whether a batch of so many calls, each of which carries so much, fits into no history at all. */
export function isTooWide(calls: number, bytesPerCall = 0): boolean {
  return EVENTS_PER_CALL * calls > MAX_EVENTS || bytesPerCall * calls > MAX_BYTES;
}

/** What a turn is about to dispatch, and the agent's own limit, where it has one. */
export interface NextBatch {
  calls: number;
  bytesPerCall: number;
  maxEvents?: number;
}

/** Whether the turn should go on in a new run before it dispatches a batch. */
export function shouldContinueAsNew(history: RunHistory, batch: NextBatch): boolean {
  const { historyLength, continueAsNewSuggested } = history;
  const { calls, maxEvents = MAX_EVENTS } = batch;
  if (historyLength < MIN_EVENTS) return false;
  const events = historyLength + EVENTS_PER_CALL * calls;
  return continueAsNewSuggested || events > maxEvents || isHistoryFull(history, batch);
}

/** Whether the server would terminate the run for what the batch adds to its history. */
export function isHistoryFull(
  { historyLength, historySize }: RunHistory,
  { calls, bytesPerCall }: NextBatch,
): boolean {
  const events = historyLength + EVENTS_PER_CALL * calls;
  return events > MAX_EVENTS || historySize + bytesPerCall * calls > MAX_BYTES;
}

/** Whether a new run could be given all that it has to know: its arguments share one payload limit. */
export function canBeCarried(values: readonly unknown[], stored: boolean): boolean {
  return stored || jsonBytes(values) <= PAYLOAD_BYTES;
}

/** What the turn's context adds to history with every call. */
export function contextBytes(context: unknown, stored: boolean): number {
  const bytes = jsonBytes(context);
  return stored && bytes > STORED_ABOVE_BYTES ? 0 : bytes;
}

export const TOO_WIDE: NextStep = {
  type: 'stop',
  reason: 'turn_too_large',
  details: 'The reply asks for more calls than the history of one run can hold.',
};

export const NO_STORAGE =
  'The conversation no longer fits into one payload. Give the worker and the client a `storage`.';

/** What a payload of 2 MB holds, with room for its envelope. */
const PAYLOAD_BYTES = 1_900_000;
/**
 * A call's answer and its record, without what they repeat of the call, and with as much of an outcome
 * as `fitOutcomes` leaves of it where there is no room.
 */
const BYTES_PER_CALL = 450;

/**
 * Whether the result of the turn would still fit into one payload with this reply: its text and what
 * its calls say stand there twice, and an answer by a schema once more.
 */
export function replyFits(
  state: TurnState,
  reply: ModelReply,
  stored: boolean,
  output?: CheckedOutput,
): boolean {
  if (stored) return true;
  const { content } = reply;
  const texts = output?.type === 'valid' ? 2 : 1;
  const bytes =
    jsonBytes(content) + texts * jsonBytes(textOf(content)) + answerBytes(toolUses(content));
  return inlineBytes(state) + bytes <= PAYLOAD_BYTES;
}

function answerBytes(calls: readonly ToolUse[]): number {
  const repeated = calls.map(({ id, name, input }) => [id, id, name, input]);
  return jsonBytes(repeated) + BYTES_PER_CALL * calls.length;
}

/** What the results of one batch may add to history, of the 50 MB that end the run. */
const BATCH_BYTES = { inline: 8_000_000, stored: 20_000_000 };
/** Larger payloads do not stand in history where there is a storage. */
const STORED_ABOVE_BYTES = 256 * 1024;

/**
 * Limit for the result of one of so many calls, in bytes, where it must be lower than the limit for
 * every result: all of a batch stand in history, also those that do not fit into the conversation.
 */
export function maxResultBytes(calls: number, stored: boolean): number | undefined {
  const share = Math.floor((stored ? BATCH_BYTES.stored : BATCH_BYTES.inline) / calls);
  if (stored) return share < STORED_ABOVE_BYTES ? share : undefined;
  return share < MAX_RESULT_BYTES ? share : undefined;
}

/** Text below this says nothing any more; a call may have it however wide its batch is. */
const MIN_TEXT_BYTES = 1_000;

/**
 * Limit for the text of each of so many results, in bytes of JSON, where all have to fit into one
 * payload: every result loses its middle before one of them is lost.
 */
export function maxTextBytes(
  state: TurnState,
  calls: readonly ToolUse[],
  stored: boolean,
): number | undefined {
  if (stored || calls.length < 2) return undefined;
  const room = INLINE_BYTES - inlineBytes(state) - answerBytes(calls);
  const share = Math.floor(room / calls.length);
  return Math.max(MIN_TEXT_BYTES, share);
}

/** Just under Temporal's limit of 2 MB for a payload, which a result shares with its envelope. */
export const MAX_RESULT_BYTES = 2_000_000;
