import type { ToolResultContent } from '../conversation/messages.ts';
import { object, record, text, whole } from '../shape.ts';
import type { QuestionRecord } from './question.ts';
import type { SubAgentTurn } from './sub-agent-turn.ts';

/**
 * How a tool call ended. Whatever happens to a call, it becomes one of these, and each of these
 * becomes exactly one `tool_result`.
 */
export type ToolOutcome =
  | { type: 'succeeded'; content: ToolResultContent }
  | { type: Exclude<OutcomeType, 'succeeded'>; message: string };

interface OutcomeRules {
  /** Whether it is a failure to the batch policy. */
  isFailure: boolean;
  /** Whether it counts in `limits.toolCalls`. */
  isCounted: boolean;
  /**
   * Which later calls do not run because of it:
   *
   * - `users`: those that read or write what this one was to write and did not
   * - `writers`: those that write what it may still be at work on
   */
  blocks: 'none' | 'users' | 'writers';
}

/**
 * Each outcome, and what follows from it; what it means is said at `OutcomeType`. A new one is a row here. The
 * compiler then asks for its words in `texts.ts`, in `plait show` and for pages.
 */
export const OUTCOMES = {
  succeeded: { isFailure: false, isCounted: true, blocks: 'none' },
  failed: { isFailure: true, isCounted: true, blocks: 'users' },
  timedOut: { isFailure: true, isCounted: true, blocks: 'users' },
  unknown: { isFailure: true, isCounted: true, blocks: 'writers' },
  denied: { isFailure: false, isCounted: true, blocks: 'users' },
  cancelled: { isFailure: false, isCounted: true, blocks: 'none' },
  skipped: { isFailure: false, isCounted: false, blocks: 'users' },
} as const satisfies Record<string, OutcomeRules>;

type Outcomes = typeof OUTCOMES;

/**
 * How a call ended.
 *
 * - `succeeded`: the tool returned a result
 * - `failed`: the tool, or the call itself, was wrong
 * - `timedOut`: a time limit ended it
 * - `unknown`: a tool that is not safe to repeat began, and nobody saw how it ended
 * - `denied`: a person denied it, or nobody decided in time
 * - `cancelled`: it was asked to stop
 * - `skipped`: it never started
 */
export type OutcomeType = keyof Outcomes;

export const OUTCOME_TYPES = Object.keys(OUTCOMES) as readonly OutcomeType[];

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
  /** Its only attempt began while its reply was still coming. */
  startedEarly?: true;
  /** Its batch has waited for it. */
  critical?: true;
  /** Where a person was asked. */
  approval?: ApprovalRecord;
  /** Where the server of its tool has asked a person. */
  questions?: QuestionRecord[];
  /** Where the rest of a result lies that was cut for the model. */
  stored?: StoredResult;
  /** Where the call ran the turn of another agent. */
  subAgent?: SubAgentTurn;
  /** It goes on in the background: this is only what the model reads of it for now. */
  late?: true;
}

/**
 * Where the full text of a result lies that was cut for the model. Data that the workflow keeps, so that
 * `read_result` finds the text by the id of the call.
 */
export interface StoredResult {
  /** The call whose result it is. */
  callId: string;
  /** SHA-256 of what was stored, in hex. */
  digest: string;
  /** What the storage driver needs to find it again. */
  claim: Record<string, string>;
  /** Length of the text in UTF-8. */
  bytes: number;
}

export const STORED_RESULT = object<StoredResult>({
  callId: text(),
  digest: text(),
  claim: record(text()),
  bytes: whole(),
});
