import type { PinnedAgent } from '../agent-spec.ts';
import type { BackgroundCall } from '../calls/background.ts';
import { answersAfterEnd, answersAfterFailure } from '../calls/answers.ts';
import { fitOutcomes, mergeOutcomes } from '../calls/merge-outcomes.ts';
import type { OutcomeType, SettledCall, StoredResult, ToolOutcome } from '../calls/outcome.ts';
import type { CallRecord } from '../calls/record.ts';
import { callRecord, lateRecord } from '../calls/record.ts';
import type { Message, ToolUse } from '../conversation/messages.ts';
import { textOf } from '../conversation/messages.ts';
import type { RefusalAnswer, ReplyAnswer } from '../conversation/model-call.ts';
import type { RejectedFile } from '../conversation/rejected-files.ts';
import { leaveOut } from '../conversation/rejected-files.ts';
import type { CheckedOutput, ModelReply } from '../conversation/reply.ts';
import { closeConversation, sendableContent } from '../conversation/sendable.ts';
import type { Container } from '../conversation/server-calls.ts';
import type { Segment, Transcript } from '../conversation/transcript.ts';
import {
  append,
  EMPTY_TRANSCRIPT,
  INLINE_BYTES,
  lastCalls,
  messageCount,
  sealed,
  withTail,
} from '../conversation/transcript.ts';
import { defined, jsonBytes } from '../json.ts';
import { GET_AGENT_RESULT } from '../names.ts';
import type { TakenFallback } from './fallback.ts';
import type { Room } from './payload-room.ts';
import type { Prices } from './prices.ts';
import { costOf, sumUSD } from './prices.ts';
import { repairMessage } from './reply-asks.ts';
import type { SteeringMessage, SteeringStyle } from './steering.ts';
import { asUserText, placeSteering } from './steering.ts';
import type { StopReason } from './stop-reason.ts';
import type { TurnTimes } from './timing.ts';
import type { ModelUsage, Usage } from './usage.ts';
import { addUsage, NO_USAGE } from './usage.ts';

/** Everything that a turn remembers. Every function here returns a new one. */
export interface TurnState {
  transcript: Transcript;
  rounds: number;
  text: string;
  usage: Usage;
  calls: CallRecord[];
  /** Size of `calls` as JSON if there is no storage: then they travel beside the messages. */
  callBytes: number;
  /** Where the full texts of cut results are, for `read_result`. */
  stored: StoredResult[];
  /** Messages of the conversation that are older than the turn. */
  before: number;
  /** Messages of people that the model has not got yet. */
  steering: SteeringMessage[];
  /** Ids of the turns whose messages this turn has taken in. */
  joined: string[];
  /** How many of them end the conversation without a reply after them. */
  unread: number;
  /** The API's sandbox in which code of the conversation runs. */
  container?: Container;
  /** How often the answer has been asked for again because it did not match its schema. */
  repairs: number;
  /** The answer, if it matches the schema. */
  output?: unknown;
  /** The cost of `usage`, if the agent has prices. */
  costUSD?: number;
  /** What its time was spent on so far. Absent before the model was asked, and in turns of earlier versions. */
  times?: TurnTimes;
  /** `usage` and cost by model; absent before the first reply. */
  models?: ModelUsage[];
  /** The model that is asked instead of the agent's. */
  fallback?: TakenFallback;
  /** Calls in the background whose results the model does not have yet. Absent if there are none. */
  background?: BackgroundCall[];
  /** The fallback after a refusal, if that one was overloaded later and yet another is asked. */
  refusalFallback?: TakenFallback;
}

/** What a turn gets from its session. */
export interface Conversation {
  transcript: Transcript;
  stored: StoredResult[];
  /** The model to use, because an earlier one has declined to answer. */
  fallback?: TakenFallback;
  /** The newest sandbox; it may have expired. */
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
    steering: [],
    joined: [],
    unread: 0,
    repairs: 0,
    ...defined({ fallback, container }),
  };
}

/** What travels with the turn instead of being in a storage, in bytes. */
export function inlineBytes({ transcript, callBytes }: TurnState): number {
  return transcript.tailBytes + callBytes;
}

/**
 * The outcomes of the last reply's unsuccessful calls, by their ids, and of its calls without an activity,
 * about which history says nothing else.
 */
export function lastOutcomes({
  calls,
  rounds,
}: TurnState): Record<string, OutcomeType> | undefined {
  const last = calls.filter(
    ({ round, outcome, name }) =>
      round === rounds && (outcome !== 'succeeded' || name === GET_AGENT_RESULT),
  );
  if (last.length === 0) return undefined;
  return Object.fromEntries(last.map(({ id, outcome }) => [id, outcome]));
}

/** A person has sent something while the turn runs. */
export function addSteering(state: TurnState, message: SteeringMessage): TurnState {
  return { ...state, steering: [...state.steering, message] };
}

/** Puts the steering messages that may be given here into the conversation. */
export function commitSteering(
  state: TurnState,
  place: 'after results' | 'after end_turn',
  style: SteeringStyle = 'user',
): TurnState {
  const { messages, joined, waiting } = placeSteering(state.steering, place, style);
  if (joined.length === 0) return state;
  return {
    ...state,
    transcript: append(state.transcript, ...messages),
    steering: waiting,
    joined: [...state.joined, ...joined],
    unread: state.unread + joined.length,
  };
}

/**
 * The turn without messages that no reply has followed: whoever continues the conversation gives them to the
 * model again.
 */
export function withoutUnread(state: TurnState): TurnState {
  const { transcript, joined, unread } = state;
  if (unread === 0) return state;
  return {
    ...state,
    transcript: withTail(transcript, transcript.tail.slice(0, -unread)),
    joined: joined.slice(0, -unread),
    unread: 0,
  };
}

/** What its activity did to the conversation while a reply came. */
export interface SentConversation {
  /** The segments of the whole sent conversation, if the tail was sealed. */
  segments?: Segment[];
  /** The files that had to be left out of it. */
  leftOut?: readonly RejectedFile[];
}

/** The moment at which a reply becomes part of the conversation. */
export function commitReply(
  state: TurnState,
  reply: ModelReply,
  { segments, leftOut }: SentConversation = {},
): TurnState {
  const sent = leaveOut(state.transcript, leftOut);
  const before = segments === undefined ? sent : sealed(sent, segments);
  // The API rejects a conversation that continues from a refusal.
  const isRefusal = reply.stopReason === 'refusal';
  const content = isRefusal ? [] : sendableContent(reply.content);
  return {
    ...state,
    transcript:
      content.length === 0
        ? withTail(before, asUserText(before.tail))
        : append(before, { role: 'assistant', content: content as AssistantContent }),
    rounds: state.rounds + 1,
    unread: 0,
    text: isRefusal ? '' : textOf(reply.content),
    usage: addUsage(state.usage, reply.usage),
    ...defined({ container: reply.container }),
  };
}

// The SDK has two types for what the API sends and what it accepts; the blocks are the same.
type AssistantContent = Exclude<Message['content'], string>;

/** The reply with its cost, the model that gave it, and the answer that it may contain. */
export function commitAnswer(
  before: TurnState,
  answer: ReplyAnswer,
  agent: PinnedAgent,
): TurnState {
  const { reply, output, fallback } = answer;
  const state = commitFallback(commitReply(before, reply, answer), fallback);
  return commitOutput(commitCost(state, reply, pricesOf(agent, before, answer)), output);
}

/** A refusal after which another model is asked. Only its cost is kept. */
export function commitRefusalAnswer(
  before: TurnState,
  answer: RefusalAnswer,
  agent: PinnedAgent,
): TurnState {
  const { refused, fallback } = answer;
  const prices = pricesOf(agent, before, answer);
  return commitFallback(commitCost(commitRefusal(before, refused), refused, prices), fallback);
}

/** The prices of the model that answered: a fallback, or the agent's own. */
export function pricesOf(
  agent: PinnedAgent,
  before: TurnState,
  answer: ReplyAnswer | RefusalAnswer,
): Prices | undefined {
  const model = answer.type === 'refusal' ? answer.by : (answer.fallback ?? before.fallback)?.model;
  return agent.fallbackPrices?.find(([fallback]) => fallback === model)?.[1] ?? agent.prices;
}

/** Adds the cost of a reply, by the prices of the model that gave it. */
export function commitCost(
  state: TurnState,
  { model, usage }: ModelReply,
  prices: Prices | undefined,
): TurnState {
  const costUSD = prices === undefined ? undefined : costOf(usage, prices);
  const reply = { model, replies: 1, usage, ...defined({ costUSD }) };
  const models = withReplies(state.models ?? [], reply);
  return { ...state, models, ...defined({ costUSD: sumUSD(state.costUSD, costUSD) }) };
}

function withReplies(models: readonly ModelUsage[], more: ModelUsage): ModelUsage[] {
  const before = models.find(({ model }) => model === more.model);
  if (before === undefined) return [...models, more];
  const costUSD = sumUSD(before.costUSD, more.costUSD);
  const usage = addUsage(before.usage, more.usage);
  const replies = before.replies + more.replies;
  const after = { ...before, replies, usage, ...defined({ costUSD }) };
  return models.map((one) => (one === before ? after : one));
}

/** The model to ask from now on; unchanged if there is none. */
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

/** A refusal is not a round: the next model gets the same request. */
export function commitRefusal(state: TurnState, refused: ModelReply): TurnState {
  return { ...state, usage: addUsage(state.usage, refused.usage) };
}

/** Keeps the answer, if the reply that was just committed is one. */
export function commitOutput(state: TurnState, checked: CheckedOutput | undefined): TurnState {
  const { output: _, ...rest } = state;
  return checked?.type === 'valid' ? { ...rest, output: JSON.parse(state.text) as unknown } : rest;
}

/**
 * Asks for the answer again in a user message, since the model has ended its turn. Thinking at the end of its
 * reply is left out, since the API rejects it before another message. After an empty reply, the question
 * follows the message before it, or the results of its calls.
 */
export function commitRepair(state: TurnState, problem: string): TurnState {
  const { transcript } = state;
  const closed = withTail(transcript, closeConversation(transcript.tail));
  return {
    ...state,
    transcript: append(closed, repairMessage(problem)),
    repairs: state.repairs + 1,
  };
}

/** Answers every call of the reply that was just committed. */
export function commitResults(
  room: Room,
  state: TurnState,
  calls: readonly ToolUse[],
  settled: readonly SettledCall[],
): TurnState {
  if (calls.length === 0) return state;
  const isStored = room.type === 'storage';
  const all = settled.map(({ outcome }) => outcome);
  const outcomes = isStored ? all : fitOutcomes(all, roomForOutcomes(state, calls, settled));
  const records = calls.map((call, i) => {
    const answer = { ...settled[i], outcome: outcomes[i] } as SettledCall;
    const record = callRecord(call, answer, state.rounds);
    const ended = state.background?.find(({ callId }) => callId === call.id)?.ended;
    return ended === undefined ? record : lateRecord(record, ended);
  });
  return {
    ...state,
    ...spentBySubAgents(state, settled),
    transcript: append(state.transcript, mergeOutcomes(calls, outcomes)),
    calls: [...state.calls, ...records],
    // With a storage, the size is not needed.
    callBytes: isStored ? 0 : state.callBytes + jsonBytes(records),
    stored: [...state.stored, ...settled.flatMap(({ stored: part }) => part ?? [])],
  };
}

/** What the turn and the sub-agents of these calls have used. */
export function spentBySubAgents(
  { usage, costUSD, models }: TurnState,
  settled: readonly SettledCall[],
): Pick<TurnState, 'usage' | 'costUSD' | 'models'> {
  const turns = settled.flatMap(({ subAgent }) => subAgent ?? []);
  if (turns.length === 0) return { usage };
  const theirs = turns.flatMap((turn) => turn.models ?? []);
  return {
    usage: turns.reduce((sum, turn) => addUsage(sum, turn.usage), usage),
    ...defined({ costUSD: sumUSD(costUSD, ...turns.map((turn) => turn.costUSD)) }),
    models: theirs.reduce((sum, one) => withReplies(sum, one), models ?? []),
  };
}

/**
 * What is left besides the answers and the records, which repeat ids and inputs and hold what an approver
 * wrote.
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

/** The turn ends with open calls, for example when it is cancelled before they are dispatched. */
export function answerOpenCalls(
  room: Room,
  state: TurnState,
  reason: StopReason,
  now: number,
): TurnState {
  const calls = lastCalls(state.transcript);
  return commitResults(room, state, calls, answersAfterEnd(calls, reason, now));
}

/** The turn fails with open calls: how they ended is not known. */
export function answerLostCalls(state: TurnState, now: number): TurnState {
  const calls = lastCalls(state.transcript);
  // A failure is not cut to size: the session, or the caller, gets everything.
  return commitResults({ type: 'storage' }, state, calls, answersAfterFailure(calls, now));
}
