import type { PinnedAgent } from '../agent-spec.ts';
import type { ToolUse } from '../conversation/messages.ts';
import { textOf, toolUses } from '../conversation/messages.ts';
import type { CheckedOutput, ModelReply } from '../conversation/reply.ts';
import { INLINE_BYTES } from '../conversation/transcript.ts';
import { jsonBytes } from '../json.ts';

/**
 * Where the payloads of a turn are kept, which limits them.
 *
 * - `storage`: large values are in the storage, so only the number of calls limits a turn.
 * - `payload`: everything travels inline, and a payload of Temporal's has at most 2 MB.
 */
export type Room = { readonly type: 'storage' } | { readonly type: 'payload' };

/** If a worker has a storage, it pins the agent there; before that, nothing is known. */
export function roomOf(agent: PinnedAgent | undefined): Room {
  return { type: agent?.spec.type === 'stored' ? 'storage' : 'payload' };
}

export const NO_STORAGE =
  'The conversation no longer fits into one payload. Give the worker and the client a `storage`.';

/** What a payload of 2 MB can hold, besides its envelope. */
const PAYLOAD_BYTES = 1_900_000;
/** With a storage, larger payloads are not in the history. */
export const STORED_ABOVE_BYTES = 256 * 1024;

/** Whether values fit into one payload together, like the arguments of a run. */
export function fitsPayload(room: Room, values: unknown): boolean {
  return room.type === 'storage' || jsonBytes(values) <= PAYLOAD_BYTES;
}

/** Without a storage, a conversation ends when it would no longer fit into one payload. */
export function hasOutgrown(room: Room, inlineBytes: number): boolean {
  return room.type === 'payload' && inlineBytes > INLINE_BYTES;
}

/** What the turn's context adds to history with every call, in bytes. */
export function contextBytes(room: Room, context: unknown): number {
  const bytes = jsonBytes(context);
  return room.type === 'storage' && bytes > STORED_ABOVE_BYTES ? 0 : bytes;
}

/**
 * For a call's answer and record, besides what they repeat of the call, and for as much of an outcome as
 * `fitOutcomes` keeps when room is short.
 */
const BYTES_PER_CALL = 450;

/**
 * Whether the turn's result would still fit into one payload with this reply: its text and the texts of its
 * calls are in it twice, and an answer with a schema once more.
 */
export function replyFits(
  room: Room,
  inlineBytes: number,
  { content }: ModelReply,
  output?: CheckedOutput,
): boolean {
  if (room.type === 'storage') return true;
  const texts = output?.type === 'valid' ? 2 : 1;
  const bytes =
    jsonBytes(content) + texts * jsonBytes(textOf(content)) + answerBytes(toolUses(content));
  return inlineBytes + bytes <= PAYLOAD_BYTES;
}

function answerBytes(calls: readonly ToolUse[]): number {
  const repeated = calls.map(({ id, name, input }) => [id, id, name, input]);
  return jsonBytes(repeated) + BYTES_PER_CALL * calls.length;
}

/** What the results of one batch may add to history, which ends the run at 50 MB. */
const BATCH_BYTES = { payload: 8_000_000, storage: 20_000_000 };

/** Just under Temporal's limit of 2 MB for a payload, which a result shares with its envelope. */
export const MAX_RESULT_BYTES = 2_000_000;

/**
 * The limit for the result of each of this many calls, in bytes, if it must be below the limit for every
 * result: all results of a batch are in history, even those that do not fit into the conversation.
 */
export function maxResultBytes(room: Room, calls: number): number | undefined {
  const share = Math.floor(BATCH_BYTES[room.type] / calls);
  const limit = room.type === 'storage' ? STORED_ABOVE_BYTES : MAX_RESULT_BYTES;
  return share < limit ? share : undefined;
}

/** A shorter text says nothing, so a call may have this much however wide its batch is. */
const MIN_TEXT_BYTES = 1_000;

/**
 * The limit for the text of each of this many results, in bytes of JSON, if all have to fit into one payload:
 * every result loses its middle before any result is lost entirely.
 */
export function maxTextBytes(
  room: Room,
  inlineBytes: number,
  calls: readonly ToolUse[],
): number | undefined {
  if (room.type === 'storage' || calls.length < 2) return undefined;
  const left = INLINE_BYTES - inlineBytes - answerBytes(calls);
  const share = Math.floor(left / calls.length);
  return Math.max(MIN_TEXT_BYTES, share);
}
