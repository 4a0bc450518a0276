export interface ToolErrorOptions {
  /**
   * Whether another attempt may help. Only matters for a tool that is safe to repeat
   * (`readOnlyHint` or `idempotentHint`): any other is never begun twice.
   * @default true
   */
  retryable?: boolean;
  /**
   * When to try again: milliseconds, or a string like `'30s'`. Overrides the backoff of the tool's
   * retry policy for the next attempt only.
   */
  nextRetryDelay?: string | number;
  /** The error behind this one. Its text is told to the model after this one's. */
  cause?: unknown;
}

/**
 * Whether a tool said more about its failure. Not `instanceof`: the agent's module may have been loaded
 * with another copy of this class.
 */
export function isToolError(error: unknown): error is ToolError {
  return error instanceof Error && error.name === 'ToolError' && 'retryable' in error;
}

/**
 * Thrown by a tool to say more about a failure than an ordinary error can. The model reads the
 * message, so write it for the model: what went wrong and what it can do.
 *
 * Any other error is retryable where the tool is safe to repeat.
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
