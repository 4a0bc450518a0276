import type { OutcomeType } from '../../core/calls/outcome.ts';
import type { ToolResultContent } from '../../core/conversation/messages.ts';
import type { ModelReply } from '../../core/conversation/reply.ts';
import type { StopReason } from '../../core/turn/stop-reason.ts';
import type { CallApproval, TurnStatus } from './events.ts';

/** An event of `stream()`. Rounds count from 1; a round is one model reply and its calls. */
export type TurnStreamEvent =
  | NotStreamed
  | TextDelta
  | ThinkingDelta
  | CallForming
  | AttemptRestarted
  | ReplyCommitted
  | CallScheduled
  | CallWaiting
  | CallFinished
  | TurnEnded;

/**
 * Nobody asked for a stream of this turn, so each reply comes in one piece, when it is committed. Said once,
 * before the first reply.
 */
export interface NotStreamed {
  type: 'notStreamed';
  round: number;
  /** How to ask. */
  message: string;
}

/** The next piece of the reply's text. It may still be dropped before `replyCommitted`. */
export interface TextDelta {
  type: 'textDelta';
  round: number;
  /** Index of the content block, from 0: a reply may hold several texts. */
  block: number;
  text: string;
}

/** The next piece of the model's thinking, where the API shows it. */
export interface ThinkingDelta {
  type: 'thinkingDelta';
  round: number;
  block: number;
  thinking: string;
}

/** The model is writing a call; comes again as the input grows. The call may still be dropped. */
export interface CallForming {
  type: 'callForming';
  round: number;
  callId: string;
  name: string;
  /** Characters of the input's JSON so far. */
  inputLength: number;
}

/** Drop the pieces of this round: the model is asked again, and its reply starts from the beginning. */
export interface AttemptRestarted {
  type: 'attemptRestarted';
  round: number;
  /** The attempt of the model request, from 1. The same as before where a reply could not be used. */
  attempt: number;
  /** Why, where it is known. */
  reason?: string;
}

/**
 * The reply is now part of the conversation. Its text is exactly the pieces since the round began, or
 * since the last `attemptRestarted`.
 */
export interface ReplyCommitted {
  type: 'replyCommitted';
  round: number;
  reply: ModelReply;
}

/** A call of a committed reply runs as soon as it can. */
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

/** A call has ended. `message` says what went wrong, unless it succeeded. */
export interface CallFinished {
  type: 'callFinished';
  round: number;
  callId: string;
  name: string;
  outcome: OutcomeType;
  message?: string;
  /**
   * What the model reads of a call that succeeded. Only with `results: true`, and not where it lies in a storage,
   * as results of more than 256 KiB do.
   */
  result?: ToolResultContent;
  /** What was decided about it, where a person was asked and the decision is known. */
  approval?: CallApproval;
}

/**
 * The last event. The pieces of a round without `replyCommitted` are not part of the conversation.
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
