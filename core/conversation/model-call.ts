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

// What a turn gives to the activity that asks the model, and what it gets back. Both are recorded in
// histories, so their fields keep their names.

export interface ModelCallArgs extends TurnOwner {
  agent: string;
  /** Absent in the first call of a turn, which pins the agent. */
  spec?: PinnedSpec;
  /** The fallback to ask, if the turn has moved on to one. */
  model?: string;
  /** For approvals that depend on it, like `user` and `sessionId`. */
  context?: unknown;
  segments: Segment[];
  tail: Message[];
  tailBytes: number;
  /**
   * The outcomes of the previous reply's unsuccessful calls, by their ids, for clients that follow the turn.
   * The tail holds what the model reads of them.
   */
  outcomes?: Record<string, OutcomeType>;
  /** Also for clients: the ids of the calls that go on in the background. */
  background?: string[];
  /** JSON Schema of the answer, if the turn has its own. */
  output?: OutputSchema;
  /** The model must answer without calling tools. */
  lastWord?: true;
  /** The API's sandbox that the turn uses. */
  container?: Container;
  /** Whether clients can follow the reply as it comes, if the turn decides that. */
  stream?: boolean;
  /** Set for the first call of its turn. */
  first?: true;
  /**
   * What early starts of calls need. In the first call of a turn it holds only the round; in turns of earlier
   * versions it is absent.
   */
  early?: {
    /** The round of the reply, from 1. */
    round: number;
    limits?: {
      /** What is left of the budget. */
      left: Budget;
      /** How many calls may run at once. */
      concurrency: number;
    };
  };
  /**
   * For the first call, which does not know the agent's limits yet: what the turn may spend, and when it
   * began.
   */
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
  /** If the tail was sealed: all messages that were sent, as segments. */
  segments?: Segment[];
  /** Files in the newest results that the API rejected, and that are left out of the conversation. */
  leftOut?: readonly RejectedFile[];
  /** From the first call of a turn. */
  pinned?: PinnedAgent;
  /** Set if the reply is an answer with a schema. */
  output?: CheckedOutput;
  /** Set if a fallback gave the reply instead of the requested model. */
  fallback?: TakenFallback;
  /** Clients could follow the reply as it came. */
  streamed?: true;
  /** When its first event came, in milliseconds since the attempt began. */
  firstToken?: number;
  /** The requests that were made, if the worker writes traces. */
  chats?: Chat[];
}

/** The agent is pinned, but its model calls have a task queue of their own: ask there. */
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
  /** The model to ask. */
  fallback: TakenFallback;
  pinned?: PinnedAgent;
  chats?: Chat[];
}

/** A result in a history: those of earlier versions have no type. */
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
