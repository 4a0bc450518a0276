import type { TakenFallback } from './fallback.ts';
import { defined, jsonBytes } from '../json.ts';
import { fitOutcomes, mergeOutcomes } from '../calls/merge-outcomes.ts';
import type { Message, ToolUse } from '../conversation/messages.ts';
import { textOf } from '../conversation/messages.ts';
import { asUserText } from './steering.ts';
import type { SettledCall, ToolOutcome } from '../calls/outcome.ts';
import { answersAfterFailure } from '../calls/answers.ts';
import { repairMessage } from './output.ts';
import type { Prices } from './prices.ts';
import { costOf, roundUSD } from './prices.ts';
import type { CheckedOutput, ModelReply } from '../conversation/reply.ts';
import type { Container } from '../conversation/server-calls.ts';
import { sendableContent } from '../conversation/sendable.ts';
import type { RejectedFile } from '../conversation/rejected-files.ts';
import { leaveOut } from '../conversation/rejected-files.ts';
import type { StoredResult } from '../calls/stored-result.ts';
import type { Segment, Transcript } from '../conversation/transcript.ts';
import {
  append,
  EMPTY_TRANSCRIPT,
  INLINE_BYTES,
  lastCalls,
  messageCount,
  sealed,
} from '../conversation/transcript.ts';
import type { CallRecord } from '../calls/record.ts';
import { callRecord } from '../calls/record.ts';
import type { StopReason } from './stop-reason.ts';
import type { Usage } from './usage.ts';
import { addUsage, NO_USAGE } from './usage.ts';

/** All that a turn remembers. Every function here returns a new one. */
export interface TurnState {
  transcript: Transcript;
  rounds: number;
  text: string;
  usage: Usage;
  calls: CallRecord[];
  /** Size of `calls` as JSON, where there is no storage: they travel beside the messages. */
  callBytes: number;
  /** Where the rest of results lies that were cut, for `read_result`. */
  stored: StoredResult[];
  /** Messages of the conversation that are older than the turn. */
  before: number;
  /** Ids of the turns whose messages this one has taken in. */
  joined: string[];
  /** How many of them stand at the end of the conversation, where no reply has followed yet. */
  unread: number;
  /** The sandbox of the API that code of the conversation runs in. */
  container?: Container;
  /** How often the answer has been asked for again because it did not match its schema. */
  repairs: number;
  /** The answer, where it matches. */
  output?: unknown;
  /** What `usage` costs, where the agent has prices. */
  costUSD?: number;
  /** The model that is asked instead of the agent's. */
  fallback?: TakenFallback;
  /** The one that a refusal has led to, where it was overloaded later and another is asked instead. */
  refusalFallback?: TakenFallback;
}

/** What a turn of a session finds. */
export interface Conversation {
  transcript: Transcript;
  stored: StoredResult[];
  /** The model that it goes on with, since one before has declined to answer. */
  fallback?: TakenFallback;
  /** The newest; it may have expired. */
  container?: Container;
}

const NEW_CONVERSATION: Conversation = { transcript: EMPTY_TRANSCRIPT, stored: [] };

export function beginTurn(
  messages: readonly Message[],
  { transcript, stored, container, fallback }: Conversation = NEW_CONVERSATION,
): TurnState {
  return {
    transcript: append(transcript, ...messages),
    rounds: 0,
    text: '',
    usage: NO_USAGE,
    calls: [],
    callBytes: 0,
    stored,
    before: messageCount(transcript),
    joined: [],
    unread: 0,
    repairs: 0,
    ...defined({ fallback, container }),
  };
}

/** Adds what people have sent while the turn was running. */
export function commitSteering(
  state: TurnState,
  { messages, taken }: { messages: readonly Message[]; taken: readonly string[] },
): TurnState {
  if (taken.length === 0) return state;
  return {
    ...state,
    transcript: append(state.transcript, ...messages),
    joined: [...state.joined, ...taken],
    unread: state.unread + taken.length,
  };
}

/** What its activity has done about the conversation while a reply came. */
export interface SentConversation {
  /** Of the whole conversation that was sent, where the tail was sealed. */
  segments?: Segment[];
  /** What had to be left out of it. */
  leftOut?: readonly RejectedFile[];
}

/** The moment a reply becomes part of the conversation. */
export function commitReply(
  state: TurnState,
  reply: ModelReply,
  { segments, leftOut }: SentConversation = {},
): TurnState {
  const sent = leaveOut(state.transcript, leftOut);
  const before = segments === undefined ? sent : sealed(sent, segments);
  // A refused reply must not be continued from.
  const refused = reply.stopReason === 'refusal';
  const content = refused ? [] : sendableContent(reply.content);
  return {
    ...state,
    transcript:
      content.length === 0
        ? withUserText(before)
        : append(before, { role: 'assistant', content: content as AssistantContent }),
    rounds: state.rounds + 1,
    unread: 0,
    text: refused ? '' : textOf(reply.content),
    usage: addUsage(state.usage, reply.usage),
    ...defined({ container: reply.container }),
  };
}

function withUserText(transcript: Transcript): Transcript {
  const tail = asUserText(transcript.tail);
  return { ...transcript, tail, tailBytes: tail.reduce((sum, one) => sum + jsonBytes(one), 0) };
}

/**
 * The same turn without the messages that no reply has followed: whoever goes on with the conversation
 * gives them to the model again.
 */
export function withoutUnread(state: TurnState): TurnState {
  const { transcript, joined, unread } = state;
  if (unread === 0) return state;
  const tail = transcript.tail.slice(0, -unread);
  const tailBytes = tail.reduce((sum, one) => sum + jsonBytes(one), 0);
  return {
    ...state,
    transcript: { ...transcript, tail, tailBytes },
    joined: joined.slice(0, -unread),
    unread: 0,
  };
}

/** Adds what a reply has cost, by the prices of the model that gave it. */
export function commitCost(
  state: TurnState,
  { usage }: ModelReply,
  prices: Prices | undefined,
): TurnState {
  if (prices === undefined) return state;
  return { ...state, costUSD: roundUSD((state.costUSD ?? 0) + costOf(usage, prices)) };
}

/** The model that is asked from now on; as before, where there is none. */
export function commitFallback(state: TurnState, fallback: TakenFallback | undefined): TurnState {
  if (fallback === undefined) return state;
  const refusalFallback = fallbackOfRefusal(state);
  return { ...state, fallback, ...defined({ refusalFallback }) };
}

/**
 * The model that a session stays with. One that was overloaded is asked again with the next turn; one
 * that has declined is not.
 */
export function fallbackOfRefusal({
  fallback,
  refusalFallback,
}: Pick<TurnState, 'fallback' | 'refusalFallback'>): TakenFallback | undefined {
  return fallback?.because === 'refusal' ? fallback : refusalFallback;
}

/**
 * Takes note of a refusal after which another model is asked: nothing of it is kept but what it took.
 * It is no round, so the next model is asked what this one was asked.
 */
export function commitRefusal(state: TurnState, refused: ModelReply): TurnState {
  return { ...state, usage: addUsage(state.usage, refused.usage) };
}

/** Keeps the answer, where the reply that was just committed is one. */
export function commitOutput(state: TurnState, checked: CheckedOutput | undefined): TurnState {
  const { output: _, ...rest } = state;
  return checked?.type === 'valid' ? { ...rest, output: JSON.parse(state.text) as unknown } : rest;
}

/** Asks for the answer again. */
export function commitRepair(state: TurnState, problem: string): TurnState {
  const transcript = append(state.transcript, repairMessage(problem));
  return { ...state, transcript, repairs: state.repairs + 1 };
}

// What the API sends and what it takes back are two types in the SDK, and the same blocks.
type AssistantContent = Exclude<Message['content'], string>;

/** Answers every call of the reply that was just committed. */
export function commitResults(
  state: TurnState,
  calls: readonly ToolUse[],
  settled: readonly SettledCall[],
  stored: boolean,
): TurnState {
  if (calls.length === 0) return state;
  const all = settled.map(({ outcome }) => outcome);
  const outcomes = stored ? all : fitOutcomes(all, roomForOutcomes(state, calls, settled));
  const records = calls.map((call, i) =>
    callRecord(call, { ...settled[i], outcome: outcomes[i] } as SettledCall, state.rounds),
  );
  return {
    ...state,
    transcript: append(state.transcript, mergeOutcomes(calls, outcomes)),
    calls: [...state.calls, ...records],
    // With a storage nobody asks.
    callBytes: stored ? 0 : state.callBytes + jsonBytes(records),
    stored: [...state.stored, ...settled.flatMap(({ stored: part }) => part ?? [])],
  };
}

/**
 * What is left beside the answers and the records, which repeat the ids and the inputs and hold what an
 * approver has written.
 */
function roomForOutcomes(
  state: TurnState,
  calls: readonly ToolUse[],
  settled: readonly SettledCall[],
): number {
  const empty = settled.map(({ outcome: { type } }): ToolOutcome =>
    type === 'succeeded' ? { type, content: '' } : { type, message: '' },
  );
  const records = calls.map((call, i) =>
    callRecord(call, { ...settled[i], outcome: empty[i] } as SettledCall, state.rounds),
  );
  const answers = mergeOutcomes(calls, empty);
  return INLINE_BYTES - inlineBytes(state) - jsonBytes(answers) - jsonBytes(records);
}

/** What travels with the turn and is in no storage, in bytes. */
export function inlineBytes(state: TurnState): number {
  return state.transcript.tailBytes + state.callBytes;
}

/** Without a storage a conversation ends where it would no longer fit into one payload. */
export function hasOutgrown(state: TurnState, stored: boolean): boolean {
  return !stored && inlineBytes(state) > INLINE_BYTES;
}

/** What to do after a reply. */
export type NextStep =
  | { type: 'run tools' }
  | { type: 'ask again' }
  | { type: 'repair output'; problem: string }
  | { type: 'stop'; reason: StopReason; details?: unknown };

/**
 * Tools run only for a reply that stopped with `tool_use`: one that was cut off closes its last block
 * with a smaller input that looks valid.
 */
export function nextStep(reply: ModelReply): NextStep {
  switch (reply.stopReason) {
    case 'tool_use':
      return { type: 'run tools' };
    case 'pause_turn':
    case 'compaction':
      // Server tools reached their own limit, or the API has compacted the conversation and said no
      // more. Sent back unchanged, the model goes on.
      return { type: 'ask again' };
    case 'refusal':
      return { type: 'stop', reason: 'refusal', details: reply.stopDetails };
    case 'stop_sequence':
      return { type: 'stop', reason: 'stop_sequence', details: reply.stopSequence };
    case 'end_turn':
    case 'max_tokens':
    case 'model_context_window_exceeded':
      return { type: 'stop', reason: reply.stopReason as StopReason };
    default:
      return { type: 'stop', reason: 'unknown', details: reply.stopReason };
  }
}

/** A turn that failed while calls were open leaves them answered: nobody knows how they ended. */
export function answerOpenCalls(state: TurnState, now: number): TurnState {
  const calls = lastCalls(state.transcript);
  return commitResults(state, calls, answersAfterFailure(calls, now), true);
}
