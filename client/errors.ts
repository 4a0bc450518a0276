import type { ModelErrorReport } from '../core/failures.ts';
import type { TurnProgress } from '../core/turn.ts';

/** A turn with this id exists, and it was started with another agent, input or context. */
export class TurnIdInUseError extends Error {
  override readonly name = 'TurnIdInUseError' as const;
  readonly turnId: string;

  constructor(turnId: string) {
    super(
      `Turn ${turnId} exists already, with another agent, input or context. Choose another turnId, or get the handle of the existing one with getHandle().`,
    );
    this.turnId = turnId;
  }
}

/** There is no turn with this id, or it is older than the retention of the namespace. */
export class TurnNotFoundError extends Error {
  override readonly name = 'TurnNotFoundError' as const;
  readonly turnId: string;

  constructor(turnId: string, namespace: string) {
    super(`There is no turn ${turnId} in namespace ${namespace}.`);
    this.turnId = turnId;
  }
}

/**
 * The turn ended without a result: there is no such agent, the model could not be asked, or somebody
 * terminated it. Not for a tool that fails, a cancel or a refusal, which are results.
 */
export class TurnFailedError extends Error {
  override readonly name = 'TurnFailedError' as const;
  readonly turnId: string;
  /** The type of the failure, as the Temporal UI shows it. */
  readonly type: string;
  /** What the turn did before it failed, where it could still say so. */
  readonly progress: TurnProgress | undefined;
  /** What the Messages API answered, where that was the cause. */
  readonly model: ModelErrorReport | undefined;

  constructor(
    turnId: string,
    message: string,
    about: { type: string; progress?: unknown; model?: unknown; cause: unknown },
  ) {
    super(message, { cause: about.cause });
    this.turnId = turnId;
    this.type = about.type;
    this.progress = about.progress as TurnProgress | undefined;
    this.model = about.model as ModelErrorReport | undefined;
  }
}

/** The Temporal server does not answer. */
export class TemporalUnavailableError extends Error {
  override readonly name = 'TemporalUnavailableError' as const;
}
