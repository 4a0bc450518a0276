import type { OutputSchema, PinnedAgent, PinnedSpec } from '../agent-spec.ts';
import type { MissingCall, PreparedCall, RecordedPreparedCall } from '../calls/prepared-call.ts';
import type { OutcomeType } from '../calls/outcome.ts';
import { readPreparedCall } from '../calls/prepared-call.ts';
import type { TurnOwner } from '../calls/tool-call.ts';
import type { Budget } from '../turn/budget.ts';
import type { Chat } from '../trace/chat.ts';
import type { TraceContext } from '../trace/context.ts';
import type { TakenFallback } from '../turn/fallback.ts';
import type { Message } from './messages.ts';
import type { RejectedFile } from './rejected-files.ts';
import type { CheckedOutput, ModelReply } from './reply.ts';
import type { Container } from './server-calls.ts';
import type { Segment } from './transcript.ts';

// What a turn gives to the activity that asks the model, and what it gets back. Both stand in
// histories, so their fields keep their names.

export interface ModelCallArgs extends TurnOwner {
  agent: string;
  /** Absent in the first call of a turn, which pins the agent. */
  spec?: PinnedSpec;
  /** The fallback that is asked, where the turn has gone on to one. */
  model?: string;
  /** The turn's, for approvals that depend on it, as do `user` and `sessionId`. */
  context?: unknown;
  segments: Segment[];
  tail: Message[];
  tailBytes: number;
  /**
   * The outcomes of those calls of the reply before that have not succeeded, by their ids, for those who
   * follow the turn. What the model reads of them stands in the tail.
   */
  outcomes?: Record<string, OutcomeType>;
  /** Likewise the ids of the calls that go on in the background. */
  background?: string[];
  /** JSON Schema of the answer, where the turn has one of its own. */
  output?: OutputSchema;
  /** The model is to answer without calling tools. */
  lastWord?: true;
  /** The sandbox of the API that the turn has. */
  container?: Container;
  /** Whether the reply can be followed while it comes, where the turn says so. */
  stream?: boolean;
  /** The first call of its turn. */
  first?: true;
  /**
   * What starts calls while the reply comes. The first call of a turn does not know more than the round, and
   * turns that were recorded earlier say nothing.
   */
  early?: {
    /** That of the reply, from 1. */
    round: number;
    limits?: {
      /** What is left of the budget. */
      left: Budget;
      /** Most calls that run at once. */
      concurrency: number;
    };
  };
  /** What the turn may spend and since when it runs, with the first call: the agent's limits are not known before. */
  begun?: { limits?: Budget; at: number };
  /** What the turn was started by, where that has a span. */
  trace?: TraceContext;
}

export type ModelCallResult = ReplyAnswer | PinnedAnswer | RefusalAnswer;

/** The model has replied. */
export interface ReplyAnswer {
  type: 'reply';
  reply: ModelReply;
  /** One per `tool_use` block of the reply. */
  prepared: (PreparedCall | MissingCall)[];
  /** When the tail was sealed: all messages that were sent, as segments. */
  segments?: Segment[];
  /** Files in the newest results that the API rejected, so they were left out of the conversation. */
  leftOut?: readonly RejectedFile[];
  /** From the first call of a turn. */
  pinned?: PinnedAgent;
  /** Where the reply is an answer that has a schema. */
  output?: CheckedOutput;
  /** Another model than the one that was to be asked has given the reply. */
  fallback?: TakenFallback;
  /** The reply could be followed while it came. */
  streamed?: true;
  /** When the first of it came, in milliseconds since the attempt began. */
  firstToken?: number;
  /** The requests that were made, where the worker writes traces. */
  chats?: Chat[];
}

/** The agent is pinned, and its model calls have a task queue of their own: ask there. */
export interface PinnedAnswer {
  type: 'pinned';
  pinned: PinnedAgent;
}

/** The model has declined to answer: ask its fallback. */
export interface RefusalAnswer {
  type: 'refusal';
  /** The reply without its content. */
  refused: ModelReply;
  /** The model that was asked. */
  by: string;
  /** The one to ask. */
  fallback: TakenFallback;
  pinned?: PinnedAgent;
  /** As with a reply. */
  chats?: Chat[];
}

/** A result as history holds it: those that were recorded earlier have no type. */
export type RecordedModelCall =
  | ModelCallResult
  | Untyped<RecordedReply | PinnedAnswer | RefusalAnswer>;

type RecordedReply = Omit<ReplyAnswer, 'prepared'> & {
  prepared: (RecordedPreparedCall | MissingCall)[];
};

type Untyped<T> = T extends unknown ? Omit<T, 'type'> & { type?: undefined } : never;

/** The result of a model call, whichever version recorded it. */
export function modelAnswer(result: RecordedModelCall): ModelCallResult {
  if (result.type !== undefined) return result;
  if ('refused' in result) return { ...result, type: 'refusal' };
  if ('reply' in result) {
    const prepared = result.prepared.map((call) => readPreparedCall(call));
    return { ...result, type: 'reply', prepared };
  }
  return { ...result, type: 'pinned' };
}
