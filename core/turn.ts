import type { OutputSchema } from './agent-spec.ts';
import type { InputBlock, Message } from './messages.ts';
import type { BatchPolicy } from './batch-policy.ts';
import type { Budget, BudgetReason, OnLimit } from './budget.ts';
import type { TakenFallback } from './fallback.ts';
import type { ApprovalRecord, OutcomeType } from './outcome.ts';
import type { Usage } from './usage.ts';

/** What a turn begins with: a text, content blocks of one user message, or a whole conversation. */
export type TurnInput = string | InputBlock[] | Message[];

/**
 * The argument of the workflow `agentTurn`, for everyone who starts it with a plain client.
 * `onToolFailure` and `batchTimeout` (in milliseconds) hold instead of the agent's.
 */
export interface TurnArgs extends Partial<BatchPolicy> {
  /** Name of an agent that the workers of the task queue have. */
  agent: string;
  input: TurnInput;
  /**
   * What the tools should know and the model should not (tenant, user, locale): JSON, given to every
   * tool as `ctx.context`, and checked by the agent's `contextSchema` where it has one.
   */
  context?: unknown;
  /** What the turn may spend, beside the agent's limits: the tighter of both holds. */
  limits?: Budget;
  /** Instead of the agent's. */
  onLimit?: OnLimit;
  /** JSON Schema of the answer, instead of the agent's `output`. */
  output?: OutputSchema;
}

/**
 * Why a turn ended.
 *
 * The model's own: `end_turn`, `stop_sequence`, `max_tokens`, `refusal`,
 * `model_context_window_exceeded`, and `unknown` for one that this version does not know
 * (`TurnResult.stopDetails` names it).
 * https://platform.claude.com/docs/en/build-with-claude/handling-stop-reasons
 *
 * Plait's: `max_rounds`, `max_tool_calls`, `max_input_tokens`, `max_output_tokens`, `max_cost` and
 * `max_wall_time` (a limit of the turn or its agent; `TurnResult.stopDetails` says what it is and what
 * was spent), `invalid_output` (the answer does not match the `output` schema, also after having been
 * asked for again; `TurnResult.stopDetails` says why), `cancelled`, `tool_failure` (a call failed under
 * `onToolFailure: 'failTurn'`; `TurnResult.stopDetails` says which), and `turn_too_large` (the
 * conversation does not fit into one payload and no storage is configured, or history is full;
 * `TurnResult.stopDetails` says which).
 */
export type StopReason =
  | 'end_turn'
  | 'stop_sequence'
  | 'max_tokens'
  | 'refusal'
  | 'model_context_window_exceeded'
  | 'unknown'
  | BudgetReason
  | 'invalid_output'
  | 'cancelled'
  | 'tool_failure'
  | 'turn_too_large';

/** One tool call of a turn. */
export interface CallRecord {
  /** The id of its `tool_use` block, and of its activity. */
  id: string;
  name: string;
  input: unknown;
  outcome: OutcomeType;
  /** What the model was told, for every outcome but `succeeded`. */
  message?: string;
  /** The round whose reply asked for it, from 1. */
  round: number;
  /** Attempts that were started; 0 when none was, or none was running when it was cancelled. */
  attempts: number;
  /** ISO 8601. After a retry it is when the first attempt was scheduled. */
  start: string;
  /** ISO 8601. */
  end: string;
  /** What was decided about it, where a person was asked. */
  approval?: ApprovalRecord;
}

export interface TurnResult<Output = unknown> {
  agent: string;
  stopReason: StopReason;
  /** More about the stop reason, where there is more: what the model refused and why, which limit. */
  stopDetails?: unknown;
  /** The text of the last reply; empty where it had none. */
  text: string;
  /**
   * The last reply as the `output` schema of the agent or of the run describes it. Absent where there is
   * no such schema, and where the turn ended without a reply that matches.
   */
  output?: Output;
  /**
   * The whole conversation, the input included: valid as the beginning of the next request, every
   * `tool_use` answered. Of a session's turn only what it has added, its input first.
   */
  messages: Message[];
  /** Model replies that were committed. */
  rounds: number;
  /** Sum over the rounds, what the API used to compact the conversation included. */
  usage: Usage;
  /** What `usage` costs, in USD, where the agent has `prices`. */
  costUSD?: number;
  /**
   * The one of the agent's `fallbacks` that was asked last, and why: the model before it was
   * `overloaded`, or its answer a `refusal`. Absent where that was the agent's own model.
   */
  fallback?: TakenFallback;
  /** In the order in which the model asked for them. */
  calls: CallRecord[];
  /** The turns whose messages were sent while this one ran, and which the model has read in it. */
  joined?: string[];
}

/** What a turn has done so far: the result of one that failed, without a stop reason. */
export type TurnProgress = Omit<TurnResult, 'stopReason' | 'stopDetails'>;
