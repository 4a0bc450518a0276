import type { OutputSchema } from '../agent-spec.ts';
import type { InputBlock, Message } from '../conversation/messages.ts';
import type { BatchPolicy } from '../calls/batch-policy.ts';
import type { Budget, BudgetReason, OnLimit } from './budget.ts';
import type { TakenFallback } from './fallback.ts';
import type { ApprovalRecord, OutcomeType } from '../calls/outcome.ts';
import type { Usage } from './usage.ts';

/**
 * What a turn begins with: a text, content blocks of one user message (texts, images, documents), or a
 * whole conversation.
 */
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
 * Why a turn ended. The first six are decided by the model or the API, the others by Plait. Whatever it
 * is, every call is answered and `TurnResult.messages` can begin the next turn.
 * https://platform.claude.com/docs/en/build-with-claude/handling-stop-reasons
 */
export type StopReason =
  /** The model has said all it wanted; the text may be empty. */
  | 'end_turn'
  /** It came to one of the agent's `stopSequences`; `stopDetails` is the text. */
  | 'stop_sequence'
  /** The reply was cut off by the agent's `maxTokens`, also the one with `maxTokensRetry`. */
  | 'max_tokens'
  /**
   * The model, or a classifier of the API, declined. `stopDetails` has its category and explanation.
   * Nothing of that reply is kept and none of its calls was run.
   */
  | 'refusal'
  /** The reply was cut off because the model's context window is full. */
  | 'model_context_window_exceeded'
  /** The API gave a reason that this version does not know; `stopDetails` is its name. */
  | 'unknown'
  | BudgetReason
  /**
   * The answer does not match the `output` schema, also after `outputRepairs` more tries; `stopDetails`
   * says why.
   */
  | 'invalid_output'
  /** Somebody cancelled the turn, with `cancel()` or in Temporal. */
  | 'cancelled'
  /** A call failed under `onToolFailure: 'failTurn'`; `stopDetails` says which. */
  | 'tool_failure'
  /**
   * The conversation does not fit into one payload and no storage is configured, or the history is full;
   * `stopDetails` says which.
   */
  | 'turn_too_large';

/** One tool call of a turn. */
export interface CallRecord {
  /** The id of its `tool_use` block, and of its activity. */
  id: string;
  /** The tool. Of an action of the browser or the computer the toolset, and `input.action` is the action. */
  name: string;
  /** As the model wrote it; `approval.input` is what a person made of it. */
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
  /** More about the stop reason, where there is more: see `StopReason`. */
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
   * `tool_use` answered. Of a session's turn only what it has added, its input first. To a plain Temporal
   * client large images and documents are `StoredData`.
   */
  messages: Message[];
  /** Model replies that were committed. */
  rounds: number;
  /**
   * Tokens, and requests of the API's own tools: the sum over the rounds, what the API used to compact the
   * conversation and replies that could not be used included. Attempts without a whole reply are not in it.
   */
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
