import type { OutcomeType } from '../../core/calls/outcome.ts';
import type { ModelReply } from '../../core/conversation/reply.ts';
import type { StopReason } from '../../core/turn/stop-reason.ts';
import type { TurnStatus } from './snapshot.ts';

/** What `stream()` tells of a turn. Rounds count from 1: one model reply, and its calls. */
export type TurnStreamEvent =
  | TextDelta
  | ThinkingDelta
  | CallForming
  | AttemptRestarted
  | ReplyCommitted
  | CallScheduled
  | CallWaiting
  | CallFinished
  | TurnEnded;

/** The next piece of the reply's text. Nothing of it counts before `replyCommitted`. */
export interface TextDelta {
  type: 'textDelta';
  round: number;
  /** Index of the content block, from 0: a reply may hold several texts. */
  block: number;
  text: string;
}

/** The next piece of what the model thinks, where the API shows it. */
export interface ThinkingDelta {
  type: 'thinkingDelta';
  round: number;
  block: number;
  thinking: string;
}

/** The model writes a call; told again as its input grows. It may come to nothing. */
export interface CallForming {
  type: 'callForming';
  round: number;
  callId: string;
  name: string;
  /** Characters of the input's JSON so far. */
  inputLength: number;
}

/** Drop what was told of this round: the model is asked again, and begins anew. */
export interface AttemptRestarted {
  type: 'attemptRestarted';
  round: number;
  /** From 1, of the model request. The same as before where a reply could not be used. */
  attempt: number;
  /** Why, where it is known. */
  reason?: string;
}

/**
 * The reply is part of the conversation for good. The pieces of its text since the round began, or
 * since the last `attemptRestarted`, are exactly its text.
 */
export interface ReplyCommitted {
  type: 'replyCommitted';
  round: number;
  reply: ModelReply;
}

/** A call of a committed reply will run as soon as nothing stands in its way. */
export interface CallScheduled {
  type: 'callScheduled';
  round: number;
  callId: string;
  name: string;
  /** The short arguments, as the Temporal UI shows them. */
  summary: string;
}

/** A call waits for a person, or to be completed from outside. */
export interface CallWaiting {
  type: 'callWaiting';
  round: number;
  callId: string;
  name: string;
  /** The short arguments, as the Temporal UI shows them. */
  summary: string;
  /** What it waits for. */
  message: string;
}

/** A call has ended; with the message of what went wrong, unless it succeeded. */
export interface CallFinished {
  type: 'callFinished';
  round: number;
  callId: string;
  name: string;
  outcome: OutcomeType;
  message?: string;
}

/**
 * The last event. What was told of a round without `replyCommitted` is no part of the conversation.
 * `result()` has the whole result.
 */
export interface TurnEnded {
  type: 'turnEnded';
  status: Exclude<TurnStatus, 'running'>;
  /** Of a completed turn, where its result can be read here. */
  stopReason?: StopReason;
  /** Why the turn failed or was terminated. */
  message?: string;
}
