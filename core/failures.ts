import { isRecord } from './json.ts';

// Types of the failures that Plait raises, as the Temporal UI and a caller see them.

/** The arguments of the turn are wrong; nothing was done. */
export const INVALID_TURN = 'plait.InvalidTurn';
/** The arguments of the session are wrong; nothing was done. */
export const INVALID_SESSION = 'plait.InvalidSession';
/** A message was not taken; the session is as it was. */
export const SEND_REJECTED = 'plait.SendRejected';
/** The same, because a turn runs and the message would not wait. */
export const SESSION_BUSY = 'plait.SessionBusy';
/** The same, because the session takes no more messages. */
export const SESSION_CLOSED = 'plait.SessionClosed';
/** The id of a session's next turn belongs to a workflow of somebody else. */
export const TURN_ID_IN_USE = 'plait.TurnIdInUse';
/** A turn that has been cancelled needs some time to end. */
export const TURN_STILL_RUNS = 'plait.TurnStillRuns';
/** A turn that a session would read has been deleted. */
export const TURN_GONE = 'plait.TurnGone';
/** The worker has no agent of this name. */
export const AGENT_NOT_REGISTERED = 'plait.AgentNotRegistered';
/** The worker has the agent, but not this tool. */
export const TOOL_NOT_REGISTERED = 'plait.ToolNotRegistered';
/** The input does not match the tool's schema. */
export const INVALID_TOOL_INPUT = 'plait.InvalidToolInput';
/** The tool's result cannot be given to the model. */
export const INVALID_TOOL_RESULT = 'plait.InvalidToolResult';
/** A tool that is not repeatable began, and how it ended is not known. */
export const OUTCOME_UNKNOWN = 'plait.OutcomeUnknown';
/** The tool did not end within its `startToCloseTimeout`, and its worker noticed it first. */
export const TOOL_TIMED_OUT = 'plait.ToolTimedOut';
/** The worker shut down before the tool ended. */
export const WORKER_SHUTDOWN = 'plait.WorkerShutdown';
/** The model could not be asked, so the turn failed. */
export const MODEL_CALL_FAILED = 'plait.ModelCallFailed';
/** The agent's `wallTime` was up while the model was asked for the first time; the turn ends validly. */
export const TIME_IS_UP = 'plait.TimeIsUp';
/** A decision about a call was refused; the call was not touched. */
export const DECISION_REJECTED = 'plait.DecisionRejected';
/** A result from outside was refused; the call was not touched. */
export const COMPLETION_REJECTED = 'plait.CompletionRejected';
/** A defect of Plait itself. */
export const INTERNAL_ERROR = 'plait.InternalError';
/** A stored part of the conversation could not be read. */
export const STORAGE_FAILED = 'plait.StorageFailed';
/** The storage can be reached and does not have what history names. */
export const STORED_OBJECT_LOST = 'plait.StoredObjectLost';
/** The storage has it, and its content is not what was stored. */
export const STORED_OBJECT_DAMAGED = 'plait.StoredObjectDamaged';

/** What a failed attempt tells of itself, in the details of its failure. */
export interface AttemptReport {
  attempt: number;
  /** Milliseconds since the epoch. */
  startedAt: number;
  /** Milliseconds since the epoch. */
  endedAt: number;
}

/** The heartbeat details of every tool call: Plait's mark, and the tool's own details inside. */
export interface HeartbeatRecord {
  attempt: number;
  /** `run` has been called, or is about to be. */
  begun: true;
  details?: unknown;
}

/** The mark in heartbeat details, which come alone or as the only item of a list. */
export function heartbeatRecord(details: unknown): HeartbeatRecord | undefined {
  const record: unknown = Array.isArray(details) ? details[0] : details;
  return isRecord(record) && record['begun'] === true
    ? (record as unknown as HeartbeatRecord)
    : undefined;
}

/** What the model activity tells of a failed request. */
export interface ModelErrorReport {
  /** The API's error type, for example `overloaded_error`; or how the connection failed. */
  type: string;
  status: number | null;
  errorCode: string | null;
  requestId: string | null;
}

/** The API's, and Bedrock's for its 503 and within a stream. */
const OVERLOADED = new Set([
  'overloaded_error',
  'ServiceUnavailableException',
  'serviceUnavailableException',
]);

/** Whether the model could not be asked because it has too much to do; also told within a stream. */
export function isOverloaded({ status, type }: ModelErrorReport): boolean {
  return status === 529 || OVERLOADED.has(type);
}

/**
 * A message with those of its causes, outermost first: "fetch failed: connect ECONNREFUSED …". The
 * innermost text is what helps, and it is what wrappers hide.
 */
export function causeChain(error: unknown): string {
  const texts: string[] = [];
  const seen = new Set<unknown>();
  let current = error;
  while (current instanceof Error && !seen.has(current)) {
    seen.add(current);
    // Node reports a refused connection to several addresses as an AggregateError without a text.
    const inner: unknown = current instanceof AggregateError ? current.errors[0] : undefined;
    // Some libraries put an object there, and this must not fail while it explains a failure.
    const text = thrownText(current.message).trim();
    const said = texts.some((earlier) => earlier.includes(text));
    if (text !== '' && !said) texts.push(text);
    current = current.cause ?? inner;
  }
  if (current !== undefined && current !== null && !(current instanceof Error)) {
    texts.push(thrownText(current));
  }
  const last = texts.length - 1;
  const chain = texts.map((text, i) => (i < last ? text.replace(/\.$/, '') : text)).join(': ');
  return chain || (error instanceof Error ? error.name : 'unknown error');
}

function thrownText(thrown: unknown): string {
  if (typeof thrown === 'string') return thrown;
  try {
    return JSON.stringify(thrown) ?? String(thrown);
  } catch {
    return Object.prototype.toString.call(thrown);
  }
}
