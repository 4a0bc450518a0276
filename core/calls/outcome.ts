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
  /** Whether the batch policy counts it as a failure. */
  isFailure: boolean;
  /** Whether it counts in `limits.toolCalls`. */
  isCounted: boolean;
  /**
   * Which later calls do not run because of it: none; those that read or write what this call was to write
   * and did not; or those that write what it may still be working on.
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
  /** A tool that is not safe to repeat began, but how it ended is not known. */
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

/** The outcomes that can keep other calls from running. */
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

/** An outcome, with what an operator wants to know. */
export interface SettledCall {
  outcome: ToolOutcome;
  /** Attempts that were started; 0 if none was, or if none was running when the call was cancelled. */
  attempts: number;
  /** Milliseconds since the epoch: when its only attempt began, or else when the first was scheduled. */
  start: number;
  /** Milliseconds since the epoch. */
  end: number;
  /** Its only attempt began while its reply was still coming. */
  startedEarly?: true;
  /** The batch has waited for it. */
  critical?: true;
  /** Where a person was asked. */
  approval?: ApprovalRecord;
  /** Where the server of its tool has asked a person. */
  questions?: QuestionRecord[];
  /** Where the rest of a cut result is. */
  stored?: StoredResult;
  /** Where the call ran the turn of another agent. */
  subAgent?: SubAgentTurn;
  /** It goes on in the background; this is only its answer for now. */
  late?: true;
}

/**
 * Where the full text of a cut result is. As data in the workflow, so that `read_result` finds the text by
 * the id of the call.
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
