import type { LoadedDataConverter } from '@temporalio/common';
import { ApplicationFailure, CancelledFailure, TimeoutFailure } from '@temporalio/common';
import {
  decodeArrayFromPayloads,
  decodeOptionalFailureToOptionalError,
} from '@temporalio/common/lib/internal-non-workflow/index.js';
import type { temporal } from '@temporalio/proto';
import type { TimeLimits } from '../../core/calls/ending.ts';
import type { MissingCall, PreparedCall } from '../../core/calls/prepared-call.ts';
import { readPreparedCall } from '../../core/calls/prepared-call.ts';
import type { CallRecord } from '../../core/calls/record.ts';
import type { ApprovalRecord, OutcomeType } from '../../core/calls/outcome.ts';
import type { Message, ToolResult, ToolUse } from '../../core/conversation/messages.ts';
import type { ModelCallArgs } from '../../core/conversation/model-call.ts';
import { AWAIT_SESSION_TURN, CALL_MODEL, TURN_WORKFLOW } from '../../core/names.ts';
import type { PinnedAgent } from '../../core/agent-spec.ts';
import { localTools } from '../../core/calls/local.ts';
import type { AttemptReport } from '../../core/failures.ts';
import { attemptReport, isAttemptReport } from '../../core/failures.ts';
import type { Approve, Deny } from '../../core/turn/protocol.ts';
import { APPROVE_UPDATE, DENY_UPDATE } from '../../core/turn/protocol.ts';
import { lastCalls } from '../../core/conversation/transcript.ts';
import { defined, isRecord, shorten } from '../../core/json.ts';
import type { ContinuedTurn } from '../../core/turn/beginning.ts';
import { failureMessage } from './description.ts';
import type { HistoryEvent } from './history.ts';

type Payloads = temporal.api.common.v1.IPayloads | null | undefined;
type Failure = temporal.api.failure.v1.IFailure | null | undefined;

/** The status of a turn's workflow run. A turn that its client cancelled is `completed`. */
export type TurnStatus =
  | 'running'
  | 'completed'
  | 'failed'
  | 'cancelled'
  | 'terminated'
  | 'timedOut'
  | 'continuedAsNew';

/** A decision about a call, without an edited input, which the turn's result has. */
export type CallApproval = Omit<ApprovalRecord, 'input'>;

/** How an activity or a run ended. What this client cannot decode is left out. */
export type Ending =
  | { type: 'completed'; result?: unknown }
  | {
      type: 'failed';
      message: string;
      failureType?: string;
      /** The failure itself rules out another attempt. */
      isFinal?: true;
      details?: readonly unknown[];
    }
  | { type: 'timedOut'; timeout: string; heartbeat?: unknown }
  | { type: 'cancelled'; details?: readonly unknown[] };

/** The limits with which an activity was scheduled, in milliseconds. */
export interface ScheduledLimits extends TimeLimits {
  nonRetryableErrorTypes: readonly string[];
}

/** The retry policy of an activity; times in milliseconds. */
export interface RetryLimits {
  initialInterval: number;
  backoffCoefficient: number;
  /** 0 where there is no limit. */
  maximumInterval: number;
  /** 0 where there is no limit. */
  maximumAttempts: number;
}

/** What a model request says about the calls of the reply before it, by their ids. */
export interface CallAnswers {
  /** What the model reads of unsuccessful calls. */
  messages: ReadonlyMap<string, string>;
  /** Absent in turns of an earlier version. */
  outcomes?: Readonly<Record<string, OutcomeType>>;
  /** The calls that go on in the background. */
  background?: readonly string[];
}

/** What the arguments of a run say about the runs before it. */
export interface EarlierRounds {
  rounds: number;
  calls: readonly CallRecord[];
  /** The calls of the last reply, if they have not been dispatched. */
  open: { calls: readonly ToolUse[]; prepared: readonly (PreparedCall | MissingCall)[] };
}

/**
 * A decoded history event about model requests, calls or the turn itself. `at` is in milliseconds since
 * the epoch; `key` is the id of the event that scheduled the activity.
 */
export type TurnEvent =
  | {
      type: 'turnStarted';
      at: number;
      agent: string | undefined;
      /** That of the workflow. */
      taskQueue: string;
      /** The first words of what the turn was asked, where it is a text that can be read here. */
      asked?: string;
      /** What earlier runs of the turn did. */
      earlier?: EarlierRounds;
      /** The tools whose calls may run locally, if the agent was pinned earlier. */
      localTools?: readonly string[];
    }
  | {
      type: 'scheduled';
      at: number;
      key: string;
      id: string;
      activityType: string;
      summary: string;
      taskQueue: string;
      limits: ScheduledLimits;
      retry: RetryLimits;
      /** For a model request: what it says about the calls before it. */
      answers?: CallAnswers;
    }
  /** The turn of a sub-agent starts for a call, or a session has accepted the call as its turn. */
  | {
      type: 'turnCalled';
      at: number;
      key: string;
      callId: string;
      turnId: string;
      agent: string;
      sessionId?: string;
      taskQueue: string;
    }
  /** For the last attempt. `lastFailure` says why the one before it failed. */
  | { type: 'started'; at: number; key: string; attempt: number; lastFailure?: string }
  | { type: 'cancelRequested'; key: string }
  /** `key` is the id of this event. The decision counts only once it is taken. */
  | { type: 'decisionSent'; key: string; callId: string; approval: CallApproval }
  | { type: 'decisionAccepted'; key: string; at: number }
  | { type: 'ended'; at: number; key: string; ending: Ending }
  /** For a call that ran within its workflow task, of which nothing was recorded before. */
  | { type: 'endedLocally'; at: number; callId: string; report: AttemptReport; ending: Ending }
  /** A worker could not take the next workflow step. Further failures of the same step are not recorded. */
  | { type: 'taskFailed'; at: number; message: string }
  /** A worker has taken a step of the workflow. */
  | { type: 'taskCompleted' }
  | { type: 'turnClosed'; at: number; status: Exclude<TurnStatus, 'running'>; ending: Ending };

/** The decoded event; `undefined` if it says nothing about model requests, calls or the turn. */
export async function readEvent(
  event: HistoryEvent,
  converter: LoadedDataConverter,
): Promise<TurnEvent | undefined> {
  const at = milliseconds(event.eventTime);
  return (
    (await readActivityEvent(event, at, converter)) ??
    (await readSubAgentEvent(event, at, converter)) ??
    (await readLocalEnding(event, at, converter)) ??
    (await readDecision(event, at, converter)) ??
    (await readTask(event, at, converter)) ??
    (await readTurnEvent(event, at, converter))
  );
}

async function readActivityEvent(
  event: HistoryEvent,
  at: number,
  converter: LoadedDataConverter,
): Promise<TurnEvent | undefined> {
  const {
    activityTaskScheduledEventAttributes: scheduled,
    activityTaskStartedEventAttributes: started,
    activityTaskCancelRequestedEventAttributes: cancelRequested,
  } = event;
  if (started) {
    const { attempt, lastFailure: failure } = started;
    const lastFailure = await failureMessage(failure, converter);
    return {
      type: 'started',
      at,
      key: keyOf(started),
      attempt: attempt ?? 1,
      ...defined({ lastFailure }),
    };
  }
  if (cancelRequested) return { type: 'cancelRequested', key: keyOf(cancelRequested) };
  if (!scheduled) return await readEnding(event, at, converter);
  if (scheduled.activityType?.name === AWAIT_SESSION_TURN) {
    return await calledSession(event, at, scheduled, converter);
  }
  const { summary } = event.userMetadata ?? {};
  const [text] = await decode(summary ? { payloads: [summary] } : undefined, converter);
  return {
    type: 'scheduled',
    at,
    key: String(event.eventId),
    id: scheduled.activityId ?? '',
    activityType: scheduled.activityType?.name ?? '',
    summary: typeof text === 'string' ? text : '',
    taskQueue: scheduled.taskQueue?.name ?? '',
    ...defined({ answers: await answersIn(scheduled, converter) }),
    limits: {
      startToCloseTimeout: milliseconds(scheduled.startToCloseTimeout),
      heartbeatTimeout: milliseconds(scheduled.heartbeatTimeout),
      // 0 means none.
      scheduleToStartTimeout: milliseconds(scheduled.scheduleToStartTimeout) || undefined,
      scheduleToCloseTimeout: milliseconds(scheduled.scheduleToCloseTimeout) || undefined,
      nonRetryableErrorTypes: scheduled.retryPolicy?.nonRetryableErrorTypes ?? [],
    },
    retry: {
      initialInterval: milliseconds(scheduled.retryPolicy?.initialInterval),
      backoffCoefficient: scheduled.retryPolicy?.backoffCoefficient ?? 1,
      maximumInterval: milliseconds(scheduled.retryPolicy?.maximumInterval),
      maximumAttempts: scheduled.retryPolicy?.maximumAttempts ?? 0,
    },
  };
}

/**
 * The turn of a session is not a child of this turn: an activity waits for it, and its argument names the
 * call.
 */
async function calledSession(
  event: HistoryEvent,
  at: number,
  { input, taskQueue }: Scheduled,
  converter: LoadedDataConverter,
): Promise<TurnEvent | undefined> {
  const [args] = await decode(input, converter);
  if (!isRecord(args)) return undefined;
  const { callId, turnId, agent, sessionId } = args;
  return {
    type: 'turnCalled',
    at,
    key: String(event.eventId),
    callId: String(callId),
    turnId: String(turnId),
    agent: String(agent),
    sessionId: String(sessionId),
    taskQueue: taskQueue?.name ?? '',
  };
}

type Scheduled = NonNullable<HistoryEvent['activityTaskScheduledEventAttributes']>;

async function answersIn(
  { activityType, input }: Scheduled,
  converter: LoadedDataConverter,
): Promise<CallAnswers | undefined> {
  if (activityType?.name !== CALL_MODEL) return undefined;
  const [args] = await decode(input, converter);
  if (!isRecord(args) || !Array.isArray(args['tail'])) return undefined;
  const { tail, outcomes, background } = args as unknown as ModelCallArgs;
  return { messages: errorsIn(tail), ...defined({ outcomes, background }) };
}

/** The newest results that are errors: what the model reads of unsuccessful calls. */
function errorsIn(tail: readonly Message[]): Map<string, string> {
  const results = tail.flatMap(({ content }) =>
    typeof content === 'string' ? [] : content.filter(({ type }) => type === 'tool_result'),
  ) as ToolResult[];
  return new Map(
    results.flatMap(({ tool_use_id: id, content, is_error: isError }) =>
      isError === true && typeof content === 'string' ? [[id, content]] : [],
    ),
  );
}

/** The turn of a sub-agent is a child workflow whose memo names the call. */
async function readSubAgentEvent(
  event: HistoryEvent,
  at: number,
  converter: LoadedDataConverter,
): Promise<TurnEvent | undefined> {
  const {
    startChildWorkflowExecutionInitiatedEventAttributes: initiated,
    startChildWorkflowExecutionFailedEventAttributes: foundAgain,
    childWorkflowExecutionStartedEventAttributes: started,
    childWorkflowExecutionCompletedEventAttributes: completed,
    childWorkflowExecutionFailedEventAttributes: failed,
    childWorkflowExecutionCanceledEventAttributes: cancelled,
    childWorkflowExecutionTimedOutEventAttributes: timedOut,
    childWorkflowExecutionTerminatedEventAttributes: terminated,
  } = event;
  if (initiated) {
    const memo = await decodeFields(initiated.memo?.fields, converter);
    const { callId, agent } = memo;
    if (initiated.workflowType?.name !== TURN_WORKFLOW || typeof callId !== 'string')
      return undefined;
    const turnId = initiated.workflowId ?? '';
    const key = String(event.eventId);
    const taskQueue = initiated.taskQueue?.name ?? '';
    return { type: 'turnCalled', at, key, callId, turnId, agent: String(agent), taskQueue };
  }
  // A child that already runs cannot be started: the calling turn was reset to before the call, and waits for
  // it.
  const runs = started ?? foundAgain;
  if (runs) return { type: 'started', at, key: childKeyOf(runs), attempt: 1 };
  if (completed) {
    const [result] = await decode(completed.result, converter);
    const ending: Ending = { type: 'completed', result };
    return { type: 'ended', at, key: childKeyOf(completed), ending };
  }
  if (failed) {
    const ending = await failureEnding(failed.failure, converter);
    return { type: 'ended', at, key: childKeyOf(failed), ending };
  }
  const ended = cancelled ?? timedOut ?? terminated;
  if (!ended) return undefined;
  const ending: Ending = cancelled
    ? { type: 'cancelled' }
    : { type: 'timedOut', timeout: timedOut ? 'workflow' : 'terminated' };
  return { type: 'ended', at, key: childKeyOf(ended), ending };
}

// temporal.api.enums.v1.TimeoutType
const START_TO_CLOSE = 1;

/** Only failed workflow tasks matter. Most complete; some wait in the queue of a worker that has left. */
async function readTask(
  event: HistoryEvent,
  at: number,
  converter: LoadedDataConverter,
): Promise<TurnEvent | undefined> {
  const {
    workflowTaskCompletedEventAttributes: completed,
    workflowTaskFailedEventAttributes: failed,
    workflowTaskTimedOutEventAttributes: timedOut,
  } = event;
  if (completed) return { type: 'taskCompleted' };
  if (failed) {
    const message = (await failureMessage(failed.failure, converter)) ?? 'unknown failure';
    return { type: 'taskFailed', at, message };
  }
  if (Number(timedOut?.timeoutType) !== START_TO_CLOSE) return undefined;
  return {
    type: 'taskFailed',
    at,
    message: 'The worker did not answer in time: it was lost, or something blocks its event loop.',
  };
}

/** A person's decision about a call is an Update, which the workflow may still reject. */
async function readDecision(
  event: HistoryEvent,
  at: number,
  converter: LoadedDataConverter,
): Promise<TurnEvent | undefined> {
  const {
    workflowExecutionUpdateAcceptedEventAttributes: accepted,
    workflowExecutionUpdateCompletedEventAttributes: completed,
  } = event;
  if (completed?.outcome?.success) {
    return { type: 'decisionAccepted', at, key: String(completed.acceptedEventId) };
  }
  const { name, args } = accepted?.acceptedRequest?.input ?? {};
  if (name !== APPROVE_UPDATE && name !== DENY_UPDATE) return undefined;
  const [given] = await decode(args, converter);
  if (!isRecord(given)) return undefined;
  const { callId, by, reason, question } = given as unknown as Approve | Deny;
  // An answer to a server's question: the call goes on either way.
  if (question !== undefined) return undefined;
  const decision = name === APPROVE_UPDATE ? 'approved' : 'denied';
  const approval = {
    decision,
    by,
    ...defined({ reason }),
    at: new Date(at).toISOString(),
  } as const;
  return { type: 'decisionSent', key: String(event.eventId), callId, approval };
}

async function readEnding(
  event: HistoryEvent,
  at: number,
  converter: LoadedDataConverter,
): Promise<TurnEvent | undefined> {
  const {
    activityTaskCompletedEventAttributes: completed,
    activityTaskCanceledEventAttributes: cancelled,
  } = event;
  if (completed) {
    const [result] = await decode(completed.result, converter);
    return { type: 'ended', at, key: keyOf(completed), ending: { type: 'completed', result } };
  }
  if (cancelled) {
    const details = await decode(cancelled.details, converter);
    return { type: 'ended', at, key: keyOf(cancelled), ending: { type: 'cancelled', details } };
  }
  const failed =
    event.activityTaskFailedEventAttributes ?? event.activityTaskTimedOutEventAttributes;
  if (!failed) return undefined;
  const ending = await failureEnding(failed.failure, converter);
  return { type: 'ended', at, key: keyOf(failed), ending };
}

/** The marker by which Temporal's SDKs record local activities. */
const LOCAL_ACTIVITY = 'core_local_activity';

/**
 * The end of a local call. The marker does not name the call; the worker's report does. Without a report, or
 * with one in a storage, the next model request says how the call ended.
 */
async function readLocalEnding(
  event: HistoryEvent,
  at: number,
  converter: LoadedDataConverter,
): Promise<TurnEvent | undefined> {
  const { markerRecordedEventAttributes: marker } = event;
  if (marker?.markerName !== LOCAL_ACTIVITY) return undefined;
  const ending = await localEnding(marker, converter);
  const report = reportOf(ending);
  if (report?.local === undefined) return undefined;
  return { type: 'endedLocally', at, callId: report.local.callId, report, ending };
}

type Marker = NonNullable<HistoryEvent['markerRecordedEventAttributes']>;

async function localEnding(marker: Marker, converter: LoadedDataConverter): Promise<Ending> {
  if (marker.failure) return await failureEnding(marker.failure, converter);
  const [result] = await decode(marker.details?.['result'], converter);
  return { type: 'completed', result };
}

function reportOf(ending: Ending): AttemptReport | undefined {
  if (ending.type === 'timedOut') return undefined;
  if (ending.type !== 'completed') return attemptReport(ending.details);
  return isAttemptReport(ending.result) ? ending.result : undefined;
}

async function readTurnEvent(
  event: HistoryEvent,
  at: number,
  converter: LoadedDataConverter,
): Promise<TurnEvent | undefined> {
  const {
    workflowExecutionStartedEventAttributes: started,
    workflowExecutionCompletedEventAttributes: completed,
    workflowExecutionFailedEventAttributes: failed,
    workflowExecutionCanceledEventAttributes: cancelled,
    workflowExecutionTerminatedEventAttributes: terminated,
  } = event;
  const closed = (status: Exclude<TurnStatus, 'running'>, ending: Ending): TurnEvent => ({
    type: 'turnClosed',
    at,
    status,
    ending,
  });
  if (started) {
    const [args, beginning] = await decode(started.input, converter);
    // From the memo: large arguments are in a storage, the memo is not.
    const memo = await decodeFields(started.memo?.fields, converter);
    const given = isRecord(args) ? args : { agent: memo['agent'], input: memo['asked'] };
    const agent = typeof given['agent'] === 'string' ? given['agent'] : undefined;
    return {
      type: 'turnStarted',
      at,
      agent,
      taskQueue: started.taskQueue?.name ?? '',
      ...defined({
        asked: firstWords(given['input']),
        earlier: earlierRounds(beginning),
        localTools: localToolsOf(pinnedIn(beginning)),
      }),
    };
  }
  if (completed) {
    const [result] = await decode(completed.result, converter);
    return closed('completed', { type: 'completed', result });
  }
  if (failed) return closed('failed', await failureEnding(failed.failure, converter));
  if (cancelled) return closed('cancelled', { type: 'cancelled' });
  if (terminated) {
    return closed('terminated', { type: 'failed', message: terminated.reason ?? '' });
  }
  if (event.workflowExecutionTimedOutEventAttributes) {
    return closed('timedOut', { type: 'timedOut', timeout: 'workflow' });
  }
  if (event.workflowExecutionContinuedAsNewEventAttributes) {
    return closed('continuedAsNew', { type: 'completed' });
  }
  return undefined;
}

/** As many as fit on a page. */
const MAX_ASKED = 2_000;

function firstWords(input: unknown): string | undefined {
  const blocks: unknown[] = Array.isArray(input) ? input : [{ type: 'text', text: input }];
  const texts = blocks.flatMap((block) =>
    isRecord(block) && typeof block['text'] === 'string' ? [block['text']] : [],
  );
  return texts.length === 0 ? undefined : shorten(texts.join('\n'), MAX_ASKED);
}

/** If this run continues a turn: what the runs before it did. */
function earlierRounds(beginning: unknown): EarlierRounds | undefined {
  if (!isRecord(beginning) || beginning['type'] !== 'continued') return undefined;
  const { state, prepared = [] } = beginning as unknown as ContinuedTurn;
  const { rounds, calls, transcript } = state;
  const open = {
    calls: lastCalls(transcript),
    prepared: prepared.map((call) => readPreparedCall(call)),
  };
  return { rounds, calls, open };
}

/** The agent that a session or an earlier run has pinned. */
function pinnedIn(beginning: unknown): unknown {
  return isRecord(beginning) ? beginning['agent'] : undefined;
}

/** The tools of a pinned agent whose calls may run locally; `undefined` if no agent can be read. */
export function localToolsOf(agent: unknown): string[] | undefined {
  if (!isRecord(agent) || !Array.isArray(agent['policies'])) return undefined;
  return localTools((agent as unknown as PinnedAgent).policies);
}

function keyOf(attributes: { scheduledEventId?: unknown }): string {
  return String(attributes.scheduledEventId);
}

function childKeyOf(attributes: { initiatedEventId?: unknown }): string {
  return String(attributes.initiatedEventId);
}

async function failureEnding(failure: Failure, converter: LoadedDataConverter): Promise<Ending> {
  const error = await decodeOptionalFailureToOptionalError(converter, failure).catch(
    (problem: unknown) => problem,
  );
  if (error instanceof TimeoutFailure) {
    const { timeoutType, lastHeartbeatDetails } = error;
    return { type: 'timedOut', timeout: timeoutType ?? '', heartbeat: lastHeartbeatDetails };
  }
  if (error instanceof CancelledFailure) return { type: 'cancelled', details: error.details };
  const message = error instanceof Error ? error.message : 'unknown failure';
  if (!(error instanceof ApplicationFailure)) return { type: 'failed', message };
  const { type, details, nonRetryable } = error;
  return {
    type: 'failed',
    message,
    ...defined({ failureType: type ?? undefined, details: details ?? undefined }),
    ...(nonRetryable === true ? { isFinal: true } : {}),
  };
}

/**
 * Leaves out what cannot be decoded here, such as the value of another codec or a large one in the storage:
 * following a turn must not fail because of it, and must not fetch megabytes.
 */
async function decode(payloads: Payloads, converter: LoadedDataConverter): Promise<unknown[]> {
  try {
    return await decodeArrayFromPayloads(converter, payloads?.payloads);
  } catch {
    return [];
  }
}

type Fields = Record<string, temporal.api.common.v1.IPayload> | null | undefined;

async function decodeFields(
  fields: Fields,
  converter: LoadedDataConverter,
): Promise<Record<string, unknown>> {
  const decoded = Object.entries(fields ?? {}).map(async ([name, payload]) => {
    const [value] = await decode({ payloads: [payload] }, converter);
    return [name, value] as const;
  });
  return Object.fromEntries(await Promise.all(decoded));
}

interface Time {
  seconds?: { toString(): string } | null;
  nanos?: number | null;
}

/**
 * Reads a timestamp or a duration. The SDK's own function cannot read those of a history that was saved
 * as JSON.
 */
function milliseconds(time: Time | null | undefined): number {
  const seconds = Number((time?.seconds ?? 0).toString());
  return seconds * 1_000 + Math.floor((time?.nanos ?? 0) / 1_000_000);
}
