import type { ToolResultContent } from '../conversation/messages.ts';
import type { StoredResult } from './stored-result.ts';

/**
 * How a tool call ended. Whatever happens to a call, it becomes one of these, and each of these
 * becomes exactly one `tool_result`.
 */
export type ToolOutcome =
  | { type: 'succeeded'; content: ToolResultContent }
  | { type: Exclude<OutcomeType, 'succeeded'>; message: string };

export type OutcomeType =
  | 'succeeded'
  /** The tool, or the call itself, was wrong; the message is the root cause. */
  | 'failed'
  /** A time limit ended it. */
  | 'timedOut'
  /** A tool that is not safe to repeat began, and nobody saw how it ended. */
  | 'unknown'
  /** A person denied it, or nobody decided in time. */
  | 'denied'
  /** It was asked to stop. */
  | 'cancelled'
  /** It never started. */
  | 'skipped';

interface OutcomeRules {
  /** Whether it is a failure to the batch policy. */
  isFailure: boolean;
  /** Whether it counts in `limits.toolCalls`. */
  isCounted: boolean;
  /**
   * Which later calls do not run because of it: none; those that read or write what this one was to
   * write and did not; or those that write what it may still be at work on.
   */
  blocks: 'none' | 'users' | 'writers';
}

/** What follows from each outcome. Its words are in `texts.ts`. */
export const OUTCOMES = {
  succeeded: { isFailure: false, isCounted: true, blocks: 'none' },
  failed: { isFailure: true, isCounted: true, blocks: 'users' },
  timedOut: { isFailure: true, isCounted: true, blocks: 'users' },
  unknown: { isFailure: true, isCounted: true, blocks: 'writers' },
  denied: { isFailure: false, isCounted: true, blocks: 'users' },
  cancelled: { isFailure: false, isCounted: true, blocks: 'none' },
  skipped: { isFailure: false, isCounted: false, blocks: 'users' },
} as const satisfies Record<OutcomeType, OutcomeRules>;

type Outcomes = typeof OUTCOMES;

export type FailureType = {
  [T in OutcomeType]: Outcomes[T]['isFailure'] extends true ? T : never;
}[OutcomeType];

/** The outcomes because of which others do not run. */
export type BlockingOutcome = {
  [T in OutcomeType]: Outcomes[T]['blocks'] extends 'none' ? never : T;
}[OutcomeType];

/** What a person decided about a call, or that nobody did. */
export interface ApprovalRecord {
  decision: 'approved' | 'denied' | 'expired';
  /** Who decided; absent where nobody did. */
  by?: string;
  /** Why, where a reason was given. */
  reason?: string;
  /** What the call ran with, where that is not what the model wrote. */
  input?: unknown;
  /** ISO 8601. */
  at: string;
}

/** An outcome with what the operator wants to know beside it. */
export interface SettledCall {
  outcome: ToolOutcome;
  /** Attempts that were started; 0 when none was, or none was running when the call was cancelled. */
  attempts: number;
  /** Milliseconds since the epoch: the start of the only attempt, or the scheduling of the first. */
  start: number;
  /** Milliseconds since the epoch. */
  end: number;
  /** Where a person was asked. */
  approval?: ApprovalRecord;
  /** Where the rest of a result lies that was cut for the model. */
  stored?: StoredResult;
}
