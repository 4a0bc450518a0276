import type { ToolResultContent } from '../conversation/messages.ts';
import type { StoredResult } from './stored-result.ts';

/**
 * How a tool call ended. Whatever happens to a call, it becomes one of these, and each of these
 * becomes exactly one `tool_result`.
 *
 * - `failed`: the tool, or the call itself, was wrong; the message is the root cause
 * - `timedOut`: a time limit ended it
 * - `unknown`: a tool that is not safe to repeat began and nobody saw how it ended
 * - `denied`: a person refused it
 * - `cancelled`: it was asked to stop
 * - `skipped`: it never started
 */
export type ToolOutcome =
  | { type: 'succeeded'; content: ToolResultContent }
  | { type: Exclude<OutcomeType, 'succeeded'>; message: string };

export type OutcomeType =
  | 'succeeded'
  | 'failed'
  | 'timedOut'
  | 'unknown'
  | 'denied'
  | 'cancelled'
  | 'skipped';

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
