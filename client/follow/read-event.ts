import type { LoadedDataConverter } from '@temporalio/common';
import { ApplicationFailure, CancelledFailure, TimeoutFailure } from '@temporalio/common';
import {
  decodeArrayFromPayloads,
  decodeOptionalFailureToOptionalError,
} from '@temporalio/common/lib/internal-non-workflow/index.js';
import type { temporal } from '@temporalio/proto';
import { defined, isRecord } from '../../core/json.ts';
import { lastCalls } from '../../core/conversation/transcript.ts';
import type { ContinuedTurn } from '../../core/turn/beginning.ts';
import type { EarlierRounds, Ending, TurnEvent } from './events.ts';
import type { TurnStatus } from './snapshot.ts';

type HistoryEvent = temporal.api.history.v1.IHistoryEvent;
type Payloads = temporal.api.common.v1.IPayloads | null | undefined;
type Failure = temporal.api.failure.v1.IFailure | null | undefined;

/** The event decoded, or `undefined` for one that says nothing about models and tools. */
export async function readEvent(
  event: HistoryEvent,
  converter: LoadedDataConverter,
): Promise<TurnEvent | undefined> {
  const at = milliseconds(event.eventTime);
  return (
    (await readActivityEvent(event, at, converter)) ?? (await readTurnEvent(event, at, converter))
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
    return { type: 'started', at, key: keyOf(started), attempt: started.attempt ?? 1 };
  }
  if (cancelRequested) return { type: 'cancelRequested', key: keyOf(cancelRequested) };
  if (!scheduled) return await readEnding(event, at, converter);
  const { summary } = event.userMetadata ?? {};
  const [text] = await decode(summary ? { payloads: [summary] } : undefined, converter);
  return {
    type: 'scheduled',
    at,
    key: String(event.eventId),
    id: scheduled.activityId ?? '',
    activityType: scheduled.activityType?.name ?? '',
    summary: typeof text === 'string' ? text : '',
    limits: {
      startToCloseTimeout: milliseconds(scheduled.startToCloseTimeout),
      heartbeatTimeout: milliseconds(scheduled.heartbeatTimeout),
      // 0 where there is none.
      scheduleToStartTimeout: milliseconds(scheduled.scheduleToStartTimeout) || undefined,
      scheduleToCloseTimeout: milliseconds(scheduled.scheduleToCloseTimeout) || undefined,
      nonRetryableErrorTypes: scheduled.retryPolicy?.nonRetryableErrorTypes ?? [],
    },
  };
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
    const agent = isRecord(args) && typeof args['agent'] === 'string' ? args['agent'] : undefined;
    const earlier = earlierRounds(beginning);
    return { type: 'turnStarted', at, agent, ...defined({ earlier }) };
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

/** Of a turn that has gone on in this run. */
function earlierRounds(beginning: unknown): EarlierRounds | undefined {
  if (!isRecord(beginning) || beginning['type'] !== 'continued') return undefined;
  const { state, prepared = [] } = beginning as unknown as ContinuedTurn;
  const { rounds, calls, transcript } = state;
  return { rounds, calls, open: { calls: lastCalls(transcript), prepared } };
}

function keyOf(attributes: { scheduledEventId?: unknown }): string {
  return String(attributes.scheduledEventId);
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
  const { type, details } = error;
  return {
    type: 'failed',
    message,
    ...(typeof type === 'string' ? { failureType: type } : {}),
    ...(details ? { details } : {}),
  };
}

/**
 * What cannot be decoded here (another codec, or a large value that lies in the storage) is left
 * out: it is not worth failing for, or fetching megabytes.
 */
async function decode(payloads: Payloads, converter: LoadedDataConverter): Promise<unknown[]> {
  try {
    return await decodeArrayFromPayloads(converter, payloads?.payloads);
  } catch {
    return [];
  }
}

interface Time {
  seconds?: { toString(): string } | null;
  nanos?: number | null;
}

/**
 * Of a timestamp or a duration. The SDK's own function takes what comes from the wire only, and not
 * what was read from a history that was saved as JSON.
 */
function milliseconds(time: Time | null | undefined): number {
  const seconds = Number((time?.seconds ?? 0).toString());
  return seconds * 1_000 + Math.floor((time?.nanos ?? 0) / 1_000_000);
}
