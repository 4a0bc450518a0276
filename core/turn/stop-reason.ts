/**
 * The stop reason of a turn that has reached a budget: that of its agent, or its own.
 * `TurnResult.stopDetails` says what the limit is and what was spent.
 */
export type BudgetReason =
  /** `limits.rounds`: the last reply still asked for tools, which were not run. */
  | 'max_rounds'
  /** `limits.toolCalls`: of the last reply the calls that were left ran, the others did not. */
  | 'max_tool_calls'
  /** `limits.inputTokens`, by the reply that reached it. Its calls were not run. */
  | 'max_input_tokens'
  /** `limits.outputTokens`, likewise. */
  | 'max_output_tokens'
  /** `limits.costUSD`, likewise. */
  | 'max_cost'
  /** `limits.wallTime`: what ran was cancelled, what waited was skipped. */
  | 'max_wall_time';

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

/**
 * What a stop reason means to the caller:
 *
 * - `answered`: the model has said all it wanted. `plait run` exits with 0.
 * - `declined`: the model did not want to answer
 * - `cancelled`: somebody stopped it
 * - `failed`: there is no answer
 * - `unfinished`: it was cut off; its text may be a part of the answer
 */
export type StopKind = 'answered' | 'declined' | 'cancelled' | 'failed' | 'unfinished';

/** A new stop reason is a row here. The compiler then asks for the words of `plait show` and of pages. */
const KINDS: Readonly<Record<StopReason, StopKind>> = {
  end_turn: 'answered',
  stop_sequence: 'answered',
  max_tokens: 'unfinished',
  refusal: 'declined',
  model_context_window_exceeded: 'unfinished',
  unknown: 'unfinished',
  max_rounds: 'unfinished',
  max_tool_calls: 'unfinished',
  max_input_tokens: 'unfinished',
  max_output_tokens: 'unfinished',
  max_cost: 'unfinished',
  max_wall_time: 'unfinished',
  invalid_output: 'failed',
  cancelled: 'cancelled',
  tool_failure: 'failed',
  turn_too_large: 'unfinished',
};

/** Also of a reason that only a later version knows. */
export function stopKind(reason: StopReason): StopKind {
  return (KINDS as Partial<typeof KINDS>)[reason] ?? 'unfinished';
}

/** The turn ends. */
export interface Stop {
  type: 'stop';
  reason: StopReason;
  details?: unknown;
}
