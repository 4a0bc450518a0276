import { isErrorValue } from '../core/failures.ts';

export interface ToolErrorOptions {
  /**
   * Whether another attempt may help. Only matters for a tool that is safe to repeat
   * (`readOnlyHint` or `idempotentHint`): `run` of any other is never started twice.
   * @default true
   */
  retryable?: boolean;
  /**
   * When to try again: milliseconds, or a string like `'30s'`. Replaces the backoff of the tool's retry
   * policy, for the next attempt only.
   */
  nextRetryDelay?: string | number;
  /** The error behind this one. The model reads its text after this one's. */
  cause?: unknown;
}

/**
 * Whether an error is a `ToolError`. Not by `instanceof`: the agent's module may have loaded another copy
 * of this class.
 */
export function isToolError(error: unknown): error is ToolError {
  return (
    isErrorValue(error) && 'retryable' in error && 'name' in error && error.name === 'ToolError'
  );
}

/**
 * Throw this in a tool to say whether and when to try again. The model reads the message, so write it for
 * the model: what went wrong, and what it can do.
 *
 * Any other error counts as retryable.
 */
export class ToolError extends Error {
  override readonly name = 'ToolError' as const;
  readonly retryable: boolean;
  readonly nextRetryDelay: string | number | undefined;

  constructor(message: string, options: ToolErrorOptions = {}) {
    super(message, 'cause' in options ? { cause: options.cause } : undefined);
    this.retryable = options.retryable ?? true;
    this.nextRetryDelay = options.nextRetryDelay;
  }
}
