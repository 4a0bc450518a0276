import type { ModelErrorReport } from '../core/failures.ts';
import type { TurnProgress, TurnResult } from '../core/turn/result.ts';

/** A turn with this id exists, and it was started with another agent, input or context. */
export class TurnIdInUseError extends Error {
  override readonly name = 'TurnIdInUseError' as const;
  readonly turnId: string;

  constructor(turnId: string) {
    super(
      `Turn ${turnId} exists already, with another agent, input or context. Choose another turnId, or get the handle of the existing one with getTurn().`,
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

/** The turn has an answer, and it does not match the `output` schema of the handle that reads it. */
export class InvalidOutputError extends Error {
  override readonly name = 'InvalidOutputError' as const;
  readonly turnId: string;
  /** What is wrong with it. */
  readonly problem: string;
  /** With the answer as the model wrote it. */
  readonly result: TurnResult;

  constructor(turnId: string, problem: string, result: TurnResult) {
    super(`The answer of turn ${turnId} does not match the output schema: ${problem}`);
    this.turnId = turnId;
    this.problem = problem;
    this.result = result;
  }
}

/** The Temporal server does not answer. */
export class TemporalUnavailableError extends Error {
  override readonly name = 'TemporalUnavailableError' as const;
}

/**
 * The list cannot be searched for this: the namespace lacks Plait's search attributes, or has one with
 * another type. `plait setup` registers them.
 */
export class SearchAttributesMissingError extends Error {
  override readonly name = 'SearchAttributesMissingError' as const;

  constructor(namespace: string, problem: string, options?: ErrorOptions) {
    super(
      `The turns and sessions of namespace ${namespace} cannot be found by this (${problem}). Run \`plait setup\` once, with the TEMPORAL_ADDRESS and TEMPORAL_NAMESPACE of this client: it registers Plait's search attributes.`,
      options,
    );
  }
}

/**
 * No worker has answered in time for a turn that needs one to answer: none polls its task queue, or
 * they are too busy. Nothing is lost, and asking again is safe.
 */
export class WorkerUnavailableError extends Error {
  override readonly name = 'WorkerUnavailableError' as const;
  readonly turnIds: readonly string[];

  constructor(turnIds: readonly string[], message: string, options?: ErrorOptions) {
    super(message, options);
    this.turnIds = turnIds;
  }
}

/**
 * A decision was not taken: the call is unknown, has been decided or no longer waits, the turn has
 * ended, or the edited input does not match the schema. The call is as it was.
 */
export class DecisionRejectedError extends Error {
  override readonly name = 'DecisionRejectedError' as const;
  readonly turnId: string;
  readonly callId: string;
  /** Why, without the turn and the call. */
  readonly reason: string;

  constructor(
    about: { turnId: string; callId: string; reason: string; decision: 'approved' | 'denied' },
    options?: ErrorOptions,
  ) {
    const { turnId, callId, reason, decision } = about;
    super(`Call ${callId} of turn ${turnId} was not ${decision}: ${reason}`, options);
    this.turnId = turnId;
    this.callId = callId;
    this.reason = reason;
  }
}

/**
 * A result from outside was not taken: the token is none, the call has been completed or no longer
 * waits, or the turn has ended. Asking again will not help.
 */
export class CompletionRejectedError extends Error {
  override readonly name = 'CompletionRejectedError' as const;
  /** `undefined` where the token cannot be read. */
  readonly turnId: string | undefined;
  /** `undefined` where the token cannot be read. */
  readonly callId: string | undefined;
  /** Why, without the turn and the call. */
  readonly reason: string;

  constructor(
    about: { turnId: string; callId: string; reason: string } | { reason: string },
    options?: ErrorOptions,
  ) {
    const call = 'callId' in about ? `Call ${about.callId} of turn ${about.turnId}` : 'The call';
    super(`${call} was not completed: ${about.reason}`, options);
    this.turnId = 'turnId' in about ? about.turnId : undefined;
    this.callId = 'callId' in about ? about.callId : undefined;
    this.reason = about.reason;
  }
}

/** The options of a session are wrong; nothing was started. */
export class InvalidSessionError extends Error {
  override readonly name = 'InvalidSessionError' as const;
}

/** There is no session with this id, or it was closed longer ago than the namespace remembers. */
export class SessionNotFoundError extends Error {
  override readonly name = 'SessionNotFoundError' as const;
  readonly sessionId: string;

  constructor(sessionId: string, namespace: string) {
    super(`There is no session ${sessionId} in namespace ${namespace}.`);
    this.sessionId = sessionId;
  }
}

/** The session takes no more messages: it was closed, cancelled or terminated. */
export class SessionClosedError extends Error {
  override readonly name = 'SessionClosedError' as const;
  readonly sessionId: string;

  constructor(sessionId: string, options?: ErrorOptions) {
    super(
      `Session ${sessionId} has ended and takes no more messages. Begin another one with startSession(agent, { messages }) and what transcript() returns.`,
      options,
    );
    this.sessionId = sessionId;
  }
}

/** A turn runs, and the message was sent with `whenBusy: 'reject'`. */
export class SessionBusyError extends Error {
  override readonly name = 'SessionBusyError' as const;
  readonly sessionId: string;

  constructor(sessionId: string, reason: string, options?: ErrorOptions) {
    super(`Session ${sessionId} has not taken the message: ${reason}`, options);
    this.sessionId = sessionId;
  }
}

/** The message was not taken: it is wrong, or too many wait. The session is as it was. */
export class SendRejectedError extends Error {
  override readonly name = 'SendRejectedError' as const;
  readonly sessionId: string;
  /** Why, without the session. */
  readonly reason: string;

  constructor(sessionId: string, reason: string, options?: ErrorOptions) {
    super(`Session ${sessionId} has not taken the message: ${reason}`, options);
    this.sessionId = sessionId;
    this.reason = reason;
  }
}

/** A session with this id exists, and it was started with another agent or other messages. */
export class SessionIdInUseError extends Error {
  override readonly name = 'SessionIdInUseError' as const;
  readonly sessionId: string;

  constructor(sessionId: string) {
    super(
      `Session ${sessionId} exists already, with another agent or other messages. Choose another sessionId.`,
    );
    this.sessionId = sessionId;
  }
}
