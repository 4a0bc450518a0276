// The Queries, Updates and Signals of a turn, shared by its workflow and the client.
import type { CallQuestion } from '../calls/question.ts';
import type { Json } from '../json.ts';

/** Query without arguments; returns `ApprovalRequest[]`. */
export const APPROVALS_QUERY = 'approvals';
/** Update with one `Approve`; completes when the call may run. */
export const APPROVE_UPDATE = 'approve';
/** Update with one `Deny`. */
export const DENY_UPDATE = 'deny';
/** Update with one `Completion`. */
export const COMPLETE_CALL_UPDATE = 'completeToolCall';

/** Query without arguments; returns a `SessionTurnProgress`, also for a turn that has not ended well. */
export const TURN_STATE_QUERY = 'turnState';
/** Signal with one `Note`, from the turn's session. */
export const STEER_SIGNAL = 'note';

/** How the turn of a sub-agent has ended that an activity has waited for. */
export type AwaitedTurn =
  | { type: 'ended'; result: unknown }
  | { type: 'failed'; message: string; progress?: unknown }
  | { type: 'lost'; message: string }
  /** It waited for its session, and was withdrawn before it began. */
  | { type: 'never began' };

/** A call that waits for a person. */
export interface ApprovalRequest {
  /** The id of its `tool_use` block. */
  callId: string;
  tool: string;
  /** As the model wrote it. */
  input: unknown;
  /** The round whose reply asked for it, from 1. */
  round: number;
  /** ISO 8601. */
  requestedAt: string;
  /** ISO 8601. When nobody has decided by then, the call is denied. */
  expiresAt: string;
  /**
   * What the MCP server of the tool asks in the middle of the call. Decide with `approve`, its number and an
   * `answer`, or with `deny`. Absent if the call itself waits for approval.
   */
  question?: NumberedQuestion;
  /** The sub-agent that asks, if it is not the turn itself. Added by the client. */
  subAgent?: AskingAgent;
}

/** A question of a call. */
export type NumberedQuestion = CallQuestion & {
  /** From 1: which question of the call it is. A decision names it, since the next one may wait already. */
  number: number;
};

/** A sub-agent that waits for a person. */
export interface AskingAgent {
  /** Its turn, also the id of its workflow. */
  turnId: string;
  /** Names of the agents, from the one that was started to the one that asks. */
  path: string[];
  /**
   * The call of the turn that you have asked, by which the sub-agent runs, directly or through others. Absent in
   * the list of all turns.
   */
  callId?: string;
}

export interface Approve {
  callId: string;
  /** Who decides: a name or an address, for the record. */
  by: string;
  /** Why, for the record. */
  reason?: string;
  /** What the call should run with instead of what the model wrote. Checked against the schema. */
  input?: unknown;
  /** The `number` of the `question` that it answers, where the call has one. */
  question?: number;
  /** The answer to the question. Checked against its schema. */
  answer?: Record<string, Json>;
  /** For the worker's `authorizeDecision`, such as a signed token. It is in history. */
  proof?: string;
}

export interface Deny {
  callId: string;
  /** Who decides: a name or an address, for the record. */
  by: string;
  /** Why; the model reads it. */
  reason?: string;
  /** The `number` of the `question` that it declines to answer, where the call has one. */
  question?: number;
  /** Close the question without a choice, which in MCP is another answer (`cancel`) than declining. Only with `question`. */
  dismiss?: true;
  /** For the worker's `authorizeDecision`, such as a signed token. It is in history. */
  proof?: string;
}

/** A decision that the worker's `authorizeDecision` is asked about. */
export interface ProposedDecision {
  turnId: string;
  /** Of the session that the turn belongs to. */
  sessionId?: string;
  /** The `user` that the turn was started with, where search attributes are registered. */
  user?: string;
  agent: string;
  callId: string;
  tool: string;
  /** What the call would run with: what the model wrote, or the approver's edited input. */
  input: unknown;
  decision: 'approved' | 'denied';
  /** The question that is answered, where the MCP server of the tool asks one. */
  question?: NumberedQuestion;
  /** The answer, with the server's defaults. */
  answer?: Record<string, Json>;
  /** Who decides, as the client says. */
  by: string;
  reason?: string;
  /** What the client sent along, unchecked. */
  proof?: string;
}

/** What became of a proposed decision. */
export type Authorization = { type: 'authorized' } | { type: 'rejected'; message: string };

/** The end of a call whose tool has left it to somebody outside. */
export interface Completion {
  callId: string;
  /** From the call's token. */
  key: string;
  result: CompletionResult;
}

/** What the tool would have returned, or why there is nothing: the model reads either. */
export type CompletionResult =
  | { type: 'succeeded'; value: Json }
  | { type: 'failed'; message: string };
