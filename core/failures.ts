import { isRecord, shorten } from './json.ts';

// Types of the failures that Plait raises, as the Temporal UI and a caller see them.

/** The arguments of the turn are wrong; nothing was done. */
export const INVALID_TURN = 'plait.InvalidTurn';
/** The arguments of the session are wrong; nothing was done. */
export const INVALID_SESSION = 'plait.InvalidSession';
/** A message was rejected; the session is as it was. */
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
/** What a local attempt returned does not fit into its workflow task; the call goes on as an activity. */
export const NO_LOCAL_ROOM = 'plait.NoLocalRoom';
/** The workflow task of a local call was lost with a worker before; the call goes on as an activity. */
export const TASK_LOST = 'plait.WorkflowTaskLost';
/** The worker shut down before the tool ended. */
export const WORKER_SHUTDOWN = 'plait.WorkerShutdown';
/** The model could not be asked, so the turn failed. */
export const MODEL_CALL_FAILED = 'plait.ModelCallFailed';
/** The agent's `wallTime` was up while the model was asked for the first time; the turn ends validly. */
export const TIME_IS_UP = 'plait.TimeIsUp';
/** A decision about a call was rejected; the call was not touched. */
export const DECISION_REJECTED = 'plait.DecisionRejected';
/** A result from outside was rejected; the call was not touched. */
export const COMPLETION_REJECTED = 'plait.CompletionRejected';
/** Something other than a turn or a session scheduled an activity of Plait, which did not run. */
export const OUTSIDE_OF_TURN = 'plait.OutsideOfTurn';
/** A defect of Plait itself. */
export const INTERNAL_ERROR = 'plait.InternalError';
/** An MCP server could not be reached when a turn was to pin its tools. */
export const SERVER_UNAVAILABLE = 'plait.ServerUnavailable';
/** A stored part of the conversation could not be read. */
export const STORAGE_FAILED = 'plait.StorageFailed';
/** The storage can be reached and does not have what history names. */
export const STORED_OBJECT_LOST = 'plait.StoredObjectLost';
/** The storage has it, and its content is not what was stored. */
export const STORED_OBJECT_DAMAGED = 'plait.StoredObjectDamaged';

/** What a failed attempt reports of itself, in the details of its failure. */
export interface AttemptReport {
  attempt: number;
  /** Milliseconds since the epoch. */
  startedAt: number;
  /** Milliseconds since the epoch. */
  endedAt: number;
  /** The tool began while the reply that asks for it was still coming. */
  startedEarly?: true;
  /** Of an attempt within a workflow task, of which history has nothing but its end. */
  local?: LocalReport;
}

interface LocalReport {
  callId: string;
  /** How long the failure asks to wait before the next attempt, in milliseconds. */
  retryDelay?: number;
  /** What the attempt has recorded for the next one. */
  details?: unknown;
}

/** A time that can be written as a date. Failures and results may have been given by hand, with anything in them. */
export function isTime(value: unknown): value is number {
  return typeof value === 'number' && Math.abs(value) <= 8.64e15;
}

/** The report of an attempt in the details of its failure. */
export function attemptReport(details: unknown): AttemptReport | undefined {
  const report: unknown = Array.isArray(details) ? details[0] : undefined;
  return isAttemptReport(report) ? report : undefined;
}

export function isAttemptReport(value: unknown): value is AttemptReport {
  if (!isRecord(value)) return false;
  const { attempt, startedAt, endedAt } = value;
  return Number.isSafeInteger(attempt) && isTime(startedAt) && isTime(endedAt);
}

/** The heartbeat details of every tool call: Plait's mark, and the tool's own details inside. */
export interface HeartbeatRecord {
  attempt: number;
  /** `run` has been called, or is about to be. */
  begun: true;
  /** When the tool began, where that was before its attempt; milliseconds since the epoch. */
  startedEarlyAt?: number;
  details?: unknown;
}

/** The mark in heartbeat details, which come alone or as the only item of a list. */
export function heartbeatRecord(details: unknown): HeartbeatRecord | undefined {
  const record: unknown = Array.isArray(details) ? details[0] : details;
  return isRecord(record) && record['begun'] === true && Number.isSafeInteger(record['attempt'])
    ? (record as unknown as HeartbeatRecord)
    : undefined;
}

/** What the model activity reports of a failed request. */
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

/** Whether the model could not be asked because it has too much to do; also reported within a stream. */
export function isOverloaded({ status, type }: ModelErrorReport): boolean {
  return status === 529 || OVERLOADED.has(type);
}

/** Of a chain of causes, and of the text of each: a worker must not stand still for an error. */
const MAX_CAUSES = 20;
const MAX_TEXT = 10_000;
/** Of a thrown object, how many values are shown, and how deep. */
const MAX_SHOWN = 200;
const MAX_DEPTH = 6;

/**
 * A message with those of its causes, outermost first: "fetch failed: connect ECONNREFUSED …". The
 * innermost text is what helps, and it is what wrappers hide. Anything can be thrown: this never throws,
 * is never empty, and takes no longer for a large value.
 */
export function causeChain(error: unknown): string {
  const texts: string[] = [];
  const seen = new Set<unknown>();
  let current = error;
  while (isErrorValue(current) && !seen.has(current) && seen.size < MAX_CAUSES) {
    seen.add(current);
    // Some libraries put an object there, and this must not fail while it explains a failure.
    const text = thrownText(read(current, 'message')).trim();
    const said = texts.some((earlier) => earlier.includes(text));
    if (text !== '' && !said) texts.push(text);
    // Node reports a refused connection to several addresses as an AggregateError without a text.
    current = read(current, 'cause') ?? read(read(current, 'errors'), 0);
  }
  if (current !== undefined && current !== null && !isErrorValue(current)) {
    texts.push(thrownText(current));
  }
  const last = texts.length - 1;
  const chain = texts.map((text, i) => (i < last ? text.replace(/\.$/, '') : text)).join(': ');
  return chain || (isErrorValue(error) ? kindOf(error) : 'unknown error');
}

/**
 * Whether it is an error, of this realm or another: `instanceof` does not know those of `vm` and of test
 * runners. What has a message and a stack is one as well, for example after it crossed a thread.
 */
export function isErrorValue(value: unknown): value is object {
  if (typeof value !== 'object' || value === null) return false;
  try {
    return (
      value instanceof Error ||
      Object.prototype.toString.call(value) === '[object Error]' ||
      (typeof read(value, 'message') === 'string' && typeof read(value, 'stack') === 'string')
    );
  } catch {
    return false;
  }
}

/** What an object is, in a word: the name of an error, of a class, or of what the language calls it. */
export function kindOf(value: object): string {
  const names = [
    isErrorValue(value) ? read(value, 'name') : undefined,
    read(read(value, 'constructor'), 'name'),
    read(value, Symbol.toStringTag),
  ];
  // The classes of iterators and generators are called Object (from Node 22 on, Iterator) and GeneratorFunction.
  return names.find(isKind) ?? 'Object';
}

function isKind(name: unknown): name is string {
  return typeof name === 'string' && /^\S.{0,99}$/.test(name) && !NO_KIND.has(name);
}

const NO_KIND: ReadonlySet<string> = new Set([
  'Object',
  'Iterator',
  'GeneratorFunction',
  'AsyncGeneratorFunction',
]);

/** With its article: "an Error", "a Map". */
export function aKindOf(value: object): string {
  const kind = kindOf(value);
  return `${/^[AEIO]/i.test(kind) ? 'an' : 'a'} ${kind}`;
}

/** `undefined` where it cannot be read: a getter may throw, and so may a proxy. */
function read(value: unknown, key: PropertyKey): unknown {
  if ((typeof value !== 'object' && typeof value !== 'function') || value === null)
    return undefined;
  try {
    return (value as Record<PropertyKey, unknown>)[key];
  } catch {
    return undefined;
  }
}

function thrownText(thrown: unknown): string {
  switch (typeof thrown) {
    case 'undefined':
      return '';
    case 'string':
      return shorten(thrown, MAX_TEXT);
    case 'function':
      return 'a function';
    case 'bigint':
      return bigintText(thrown);
    case 'object':
      return thrown === null ? '' : objectText(thrown);
    default:
      return shorten(String(thrown), MAX_TEXT);
  }
}

/** To write out all digits takes the square of their number. */
function bigintText(value: bigint): string {
  return BigInt.asIntN(4_000, value) === value ? String(value) : 'a very large bigint';
}

/** What is left to be shown of an object, and the objects around the current value. */
interface Shown {
  values: number;
  around: Set<object>;
}

/** Its JSON, or its kind where that says nothing. */
function objectText(thrown: object): string {
  try {
    const shown = shownOf(thrown, MAX_DEPTH, { values: MAX_SHOWN, around: new Set() });
    const text = typeof shown === 'string' ? shown : JSON.stringify(shown);
    return shorten(text, MAX_TEXT);
  } catch {
    return '[object Object]';
  }
}

/** A small copy. Throws for an object that holds itself. */
function shownOf(value: unknown, depth: number, left: Shown): unknown {
  if (typeof value === 'string') return shorten(value, MAX_TEXT);
  if (typeof value === 'bigint') return bigintText(value);
  if (typeof value !== 'object' || value === null) return value;
  left.values -= 1;
  if (depth === 0 || left.values < 0) return '…';
  if (isErrorValue(value)) return thrownText(read(value, 'message')) || kindOf(value);
  // The names of its fields would be as many as its bytes or letters.
  if (ArrayBuffer.isView(value)) return aKindOf(value);
  if (Object.prototype.toString.call(value) === '[object String]') return String(value);
  const toJSON = read(value, 'toJSON');
  if (typeof toJSON === 'function') return shownOf(toJSON.call(value), depth - 1, left);
  const around = left.around;
  if (around.has(value)) throw new TypeError('it holds itself');
  around.add(value);
  const shown = Array.isArray(value) ? listOf(value, depth, left) : fieldsOf(value, depth, left);
  around.delete(value);
  return shown;
}

function listOf(list: readonly unknown[], depth: number, left: Shown): unknown[] {
  const shown: unknown[] = [];
  for (let i = 0; i < list.length; i++) {
    if (left.values < 0) return [...shown, '…'];
    left.values -= 1;
    shown.push(shownOf(read(list, i), depth - 1, left));
  }
  return shown;
}

function fieldsOf(value: object, depth: number, left: Shown): unknown {
  const names = Object.keys(value);
  if (names.length === 0 && kindOf(value) !== 'Object') return aKindOf(value);
  const shown: [string, unknown][] = [];
  for (const name of names) {
    if (left.values < 0) {
      shown.push(['…', '…']);
      break;
    }
    left.values -= 1;
    shown.push([name, shownOf(read(value, name), depth - 1, left)]);
  }
  return Object.fromEntries(shown);
}
