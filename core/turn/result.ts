import type { PinnedAgent } from '../agent-spec.ts';
import type { CallRecord } from '../calls/record.ts';
import { closeConversation } from '../conversation/sendable.ts';
import type { Message } from '../conversation/messages.ts';
import type { Transcript } from '../conversation/transcript.ts';
import { references, withTail } from '../conversation/transcript.ts';
import { defined, isRecord, jsonBytes } from '../json.ts';
import { spentOf } from './budget.ts';
import type { TakenFallback } from './fallback.ts';
import type { Conversation, TurnState } from './state.ts';
import { fallbackOfRefusal, withoutUnread } from './state.ts';
import type { Stop, StopReason } from './stop-reason.ts';
import type { TurnTiming } from './timing.ts';
import { timingOf } from './timing.ts';
import type { ModelUsage, Usage } from './usage.ts';

/** What a turn ended with: the answer, the conversation, every call, and what it cost. */
export interface TurnResult<Output = unknown> {
  agent: string;
  stopReason: StopReason;
  /** More about the stop reason, where there is more: see `StopReason`. */
  stopDetails?: unknown;
  /** The text of the last reply; empty where it had none. */
  text: string;
  /**
   * The last reply, parsed by the `output` schema of the agent or of the turn. Absent if there is no such
   * schema, or if the turn ended without a reply that matches.
   */
  output?: Output;
  /**
   * The whole conversation with the input: every `tool_use` is answered, and another turn can begin with it. For
   * a turn of a session, only what the turn has added, its input first. A block with a value that JavaScript
   * cannot hold has its JSON in `plait_json`, which the API does not know. A plain Temporal client gets large
   * images and documents as `StoredData`.
   */
  messages: Message[];
  /** Model replies that were committed. */
  rounds: number;
  /**
   * Tokens, and requests of the API's own tools: the sum over the rounds, with compaction, replies that could
   * not be used, and sub-agents. Attempts without a whole reply are not included.
   */
  usage: Usage;
  /** What `usage` costs, in USD, where the agent has `prices`. Sub-agents without prices are not in it. */
  costUSD?: number;
  /** `usage` and `costUSD` by the models that have replied in this turn and its sub-agents, in the order of their first replies. */
  models?: ModelUsage[];
  /**
   * Which of the agent's `fallbacks` was asked last, and why: the model before it was `overloaded`, or declined
   * (`refusal`). Absent if the agent's own model was asked last.
   */
  fallback?: TakenFallback;
  /**
   * How long it took, what it waited for, and what it gained by running calls at the same time. Calls on its
   * critical path are marked in `calls`; every model request is on that path.
   */
  timing: TurnTiming;
  /** In the order in which the model asked for them. */
  calls: CallRecord[];
  /** Steering messages that the model has read in this turn, by the turn ids that `send` gave them. */
  joined?: string[];
}

/**
 * What the workflow of a sub-agent's turn returns to the calling turn, which has it in its history: no
 * conversation (the turn can be asked for it), and its calls only if they are few.
 */
export type SubAgentTurnResult = Omit<TurnResult, 'messages' | 'calls'> & {
  /** Counted like `limits.toolCalls`, including those of its own sub-agents. */
  toolCalls: number;
  calls?: CallRecord[];
};

/** The same for a failed turn, in the details of its failure. */
export type SubAgentTurnProgress = Omit<SubAgentTurnResult, 'stopReason' | 'stopDetails'>;

/** What a turn has done so far: the result of one that failed, without a stop reason. */
export type TurnProgress = Omit<TurnResult, 'stopReason' | 'stopDetails'>;

/** What a session takes over from a turn, however it ended. */
export interface TurnEnd extends Conversation {
  /** Messages of the conversation that are older than the turn. */
  before: number;
  /** `undefined` if the turn has not got that far. */
  agent?: PinnedAgent;
}

/** What the workflow of a session's turn returns: references instead of messages. */
export type SessionTurnResult = Omit<TurnResult, 'messages'> & { end: TurnEnd };

/** The same for a turn that has not ended, or not well. */
export type SessionTurnProgress = Omit<TurnProgress, 'messages'> & { end: TurnEnd };

export function sessionTurnResult(
  agent: string,
  state: TurnState,
  pinned: PinnedAgent | undefined,
  stop: Stop,
  elapsed: number,
): SessionTurnResult {
  const { agent: name, ...progress } = sessionTurnProgress(agent, state, pinned, elapsed);
  return { agent: name, ...stopOf(stop), ...progress };
}

/** @param elapsed how long the turn has lasted, in milliseconds */
export function sessionTurnProgress(
  agent: string,
  given: TurnState,
  pinned: PinnedAgent | undefined,
  elapsed: number,
): SessionTurnProgress {
  // A message after a system message, or beside one that the API rejects, would make every later request a
  // 400.
  const state = withoutUnread(given);
  const { before, stored, container } = state;
  const fallback = fallbackOfRefusal(state);
  return {
    ...turnSummary(agent, state, elapsed),
    end: {
      transcript: closed(references(state.transcript)),
      stored,
      before,
      ...defined({ fallback, container, agent: pinned }),
    },
  };
}

/**
 * Ready for a person's next message. It leaves out blocks of the tail only: a paused reply is never the last
 * message of a sealed segment.
 */
function closed(transcript: Transcript): Transcript {
  return withTail(transcript, closeConversation(transcript.tail));
}

export function isSessionProgress(value: unknown): value is SessionTurnProgress {
  return isRecord(value) && isRecord(value['end']) && 'transcript' in value['end'];
}

/** A turn's result without its messages and the reason for its end. */
function turnSummary(
  agent: string,
  state: TurnState,
  elapsed: number,
): Omit<TurnProgress, 'messages'> {
  const { text, output, rounds, usage, costUSD, models, fallback, times, calls, joined } = state;
  return {
    agent,
    text,
    ...defined({ output }),
    rounds,
    usage,
    ...defined({ costUSD, models, fallback }),
    timing: timingOf(times, elapsed),
    calls,
    ...(joined.length === 0 ? {} : { joined }),
  };
}

/** The progress of a turn that has not ended, or not well. */
export function turnProgress(
  agent: string,
  state: TurnState,
  messages: Message[],
  elapsed: number,
): TurnProgress {
  return { ...turnSummary(agent, state, elapsed), messages: closeConversation(messages) };
}

/** More would make the calling turn's history long: a turn may have hundreds of sub-agents. */
const MAX_CALLS_BYTES = 32_000;

export function subAgentTurnProgress(
  agent: string,
  state: TurnState,
  elapsed: number,
): SubAgentTurnProgress {
  const { calls, ...summary } = turnSummary(agent, state, elapsed);
  const { toolCalls } = spentOf(state, 0);
  return { ...summary, toolCalls, ...(jsonBytes(calls) <= MAX_CALLS_BYTES ? { calls } : {}) };
}

export function subAgentTurnResult(
  agent: string,
  state: TurnState,
  stop: Stop,
  elapsed: number,
): SubAgentTurnResult {
  const { agent: name, ...progress } = subAgentTurnProgress(agent, state, elapsed);
  return { agent: name, ...stopOf(stop), ...progress };
}

/** What a calling turn gets of a session's turn that it has called. */
export function withoutConversation<T extends SessionTurnProgress>(
  turn: T,
): Omit<T, 'end' | 'calls'> & Pick<SubAgentTurnProgress, 'toolCalls' | 'calls'> {
  const { end: _, calls, ...summary } = turn;
  const { toolCalls } = spentOf(turn, 0);
  return { ...summary, toolCalls, ...(jsonBytes(calls) <= MAX_CALLS_BYTES ? { calls } : {}) };
}

function stopOf({ reason, details }: Stop): Pick<TurnResult, 'stopReason' | 'stopDetails'> {
  return { stopReason: reason, ...defined({ stopDetails: details ?? undefined }) };
}

export function turnResult(
  agent: string,
  state: TurnState,
  messages: Message[],
  stop: Stop,
  elapsed: number,
): TurnResult {
  const { agent: name, ...progress } = turnProgress(agent, state, messages, elapsed);
  return { agent: name, ...stopOf(stop), ...progress };
}
