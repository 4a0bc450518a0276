import { PlaitError } from '../core/errors.ts';
import type { ModelErrorReport } from '../core/failures.ts';
import type { TurnProgress, TurnResult } from '../core/turn/result.ts';

/** A turn with this id exists, and it was started with another agent, input or context. */
export class TurnIdInUseError extends PlaitError {
  override readonly name = 'TurnIdInUseError' as const;
  override readonly code = 'TURN_ID_IN_USE' as const;
  readonly turnId: string;

  constructor(turnId: string) {
    super(
      `Turn ${turnId} already exists, with another agent, input or context. Choose another turnId, or get the handle of the existing turn with getTurn().`,
    );
    this.turnId = turnId;
  }
}

/** There is no turn with this id, or it ended longer ago than the namespace's retention. */
export class TurnNotFoundError extends PlaitError {
  override readonly name = 'TurnNotFoundError' as const;
  override readonly code = 'TURN_NOT_FOUND' as const;
  readonly turnId: string;

  constructor(turnId: string, namespace: string) {
    super(`There is no turn ${turnId} in namespace ${namespace}.`);
    this.turnId = turnId;
  }
}

/**
 * The turn ended without a result: no worker has the agent, the model could not be asked, or somebody
 * terminated the turn. A tool that fails, a cancel and a refusal are results, and do not throw.
 */
export class TurnFailedError extends PlaitError {
  override readonly name = 'TurnFailedError' as const;
  override readonly code = 'TURN_FAILED' as const;
  readonly turnId: string;
  /** The type of the failure, as the Temporal UI shows it. */
  readonly type: string;
  /** What the turn did before it failed, where the failure says so. */
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

/** The turn has an answer, and the answer does not match the `output` schema of the handle. */
export class InvalidOutputError extends PlaitError {
  override readonly name = 'InvalidOutputError' as const;
  override readonly code = 'INVALID_OUTPUT' as const;
  readonly turnId: string;
  /** What is wrong with the answer. */
  readonly problem: string;
  /** The result, with the answer as the model wrote it. */
  readonly result: TurnResult;

  constructor(turnId: string, problem: string, result: TurnResult) {
    super(`The answer of turn ${turnId} does not match the output schema: ${problem}`);
    this.turnId = turnId;
    this.problem = problem;
    this.result = result;
  }
}

/** The Temporal server does not answer, or it does not have the namespace. */
export class TemporalUnavailableError extends PlaitError {
  override readonly name = 'TemporalUnavailableError' as const;
  override readonly code = 'TEMPORAL_UNAVAILABLE' as const;
}

/**
 * Temporal returned something that this client has no codec for, such as the memo of a turn in a list. It was
 * written with another `dataConverter`.
 */
export class UnreadablePayloadError extends PlaitError {
  override readonly name = 'UnreadablePayloadError' as const;
  override readonly code = 'UNREADABLE_PAYLOAD' as const;

  constructor(namespace: string, problem: string, options?: ErrorOptions) {
    super(
      `Namespace ${namespace} has data that this client cannot read (${problem}). Create the client with the dataConverter of the worker that wrote it; the commands of plait have none. The filters of a list can leave it out.`,
      options,
    );
  }
}

/**
 * The namespace lacks a search attribute that the list needs, or has it with another type.
 * `plait setup` registers them.
 */
export class SearchAttributesMissingError extends PlaitError {
  override readonly name = 'SearchAttributesMissingError' as const;
  override readonly code = 'SEARCH_ATTRIBUTES_MISSING' as const;

  constructor(namespace: string, problem: string, options?: ErrorOptions) {
    super(
      `Namespace ${namespace} lacks a search attribute that this list needs (${problem}). Run \`plait setup\` once, with the TEMPORAL_ADDRESS and TEMPORAL_NAMESPACE of this client.`,
      options,
    );
  }
}

/**
 * No worker answered in time for a turn or a session: none polls its task queue, or all of them are
 * too busy. Nothing is lost, and it is safe to ask again.
 */
export class WorkerUnavailableError extends PlaitError {
  override readonly name = 'WorkerUnavailableError' as const;
  override readonly code = 'WORKER_UNAVAILABLE' as const;
  readonly turnIds: readonly string[];

  constructor(turnIds: readonly string[], message: string, options?: ErrorOptions) {
    super(message, options);
    this.turnIds = turnIds;
  }
}

/**
 * The turn rejected a decision: it does not know the call, the call has been decided or no longer
 * waits, the turn has ended, the edited input does not match the tool's schema, or the worker's
 * `authorizeDecision` does not accept it. Nothing changed.
 */
export class DecisionRejectedError extends PlaitError {
  override readonly name = 'DecisionRejectedError' as const;
  override readonly code = 'DECISION_REJECTED' as const;
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
 * A call was not completed from outside: the token is invalid, the call has been completed or no
 * longer waits, or the turn has ended. Asking again does not help.
 */
export class CompletionRejectedError extends PlaitError {
  override readonly name = 'CompletionRejectedError' as const;
  override readonly code = 'COMPLETION_REJECTED' as const;
  /** `undefined` where the token cannot be read. */
  readonly turnId: string | undefined;
  /** `undefined` where the token cannot be read. */
  readonly callId: string | undefined;
  /** Why, without the turn and the call. */
  readonly reason: string;

  constructor(
    call: { turnId: string; callId: string } | undefined,
    reason: string,
    options?: ErrorOptions,
  ) {
    const named = call === undefined ? 'The call' : `Call ${call.callId} of turn ${call.turnId}`;
    super(`${named} was not completed: ${reason}`, options);
    this.turnId = call?.turnId;
    this.callId = call?.callId;
    this.reason = reason;
  }
}

/** The options of a session are wrong. Nothing was started. */
export class InvalidSessionError extends PlaitError {
  override readonly name = 'InvalidSessionError' as const;
  override readonly code = 'INVALID_SESSION' as const;
}

/** There is no session with this id, or it ended longer ago than the namespace's retention. */
export class SessionNotFoundError extends PlaitError {
  override readonly name = 'SessionNotFoundError' as const;
  override readonly code = 'SESSION_NOT_FOUND' as const;
  readonly sessionId: string;

  constructor(sessionId: string, namespace: string) {
    super(`There is no session ${sessionId} in namespace ${namespace}.`);
    this.sessionId = sessionId;
  }
}

/** The session takes no more messages: it was closed, cancelled or terminated. */
export class SessionClosedError extends PlaitError {
  override readonly name = 'SessionClosedError' as const;
  override readonly code = 'SESSION_CLOSED' as const;
  readonly sessionId: string;

  constructor(sessionId: string, options?: ErrorOptions) {
    super(
      `Session ${sessionId} has ended and takes no more messages. To go on, start another one with startSession(agent, { messages }) and the messages of transcript().`,
      options,
    );
    this.sessionId = sessionId;
  }
}

/** The session did not take the message: a turn runs, and the message has `whenBusy: 'reject'`. */
export class SessionBusyError extends PlaitError {
  override readonly name = 'SessionBusyError' as const;
  override readonly code = 'SESSION_BUSY' as const;
  readonly sessionId: string;

  constructor(sessionId: string, reason: string, options?: ErrorOptions) {
    super(`Session ${sessionId} rejected the message: ${reason}`, options);
    this.sessionId = sessionId;
  }
}

/** The session did not take the message: it is invalid, or too many messages wait. */
export class SendRejectedError extends PlaitError {
  override readonly name = 'SendRejectedError' as const;
  override readonly code = 'SEND_REJECTED' as const;
  readonly sessionId: string;
  /** Why, without the session. */
  readonly reason: string;

  constructor(sessionId: string, reason: string, options?: ErrorOptions) {
    super(`Session ${sessionId} rejected the message: ${reason}`, options);
    this.sessionId = sessionId;
    this.reason = reason;
  }
}

/** A session with this id exists, and it was started with another agent or other messages. */
export class SessionIdInUseError extends PlaitError {
  override readonly name = 'SessionIdInUseError' as const;
  override readonly code = 'SESSION_ID_IN_USE' as const;
  readonly sessionId: string;

  constructor(sessionId: string) {
    super(
      `Session ${sessionId} already exists, with another agent or other messages. Choose another sessionId, or get the handle of the existing session with getSession().`,
    );
    this.sessionId = sessionId;
  }
}
