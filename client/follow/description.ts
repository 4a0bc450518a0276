import type { WorkflowExecutionDescription } from '@temporalio/client';
import type { LoadedDataConverter } from '@temporalio/common';
import {
  decodeArrayFromPayloads,
  decodeOptionalFailureToOptionalError,
} from '@temporalio/common/lib/internal-non-workflow/index.js';
import { optionalTsToMs } from '@temporalio/common/lib/time.js';
import type { PartialReply } from '../../core/conversation/partial-reply.ts';
import { heartbeatRecord } from '../../core/failures.ts';
import { defined, isRecord } from '../../core/json.ts';
import { AWAIT_SESSION_TURN, AWAIT_TURN, CALL_MODEL } from '../../core/names.ts';

// What Temporal's description of a workflow says of a turn. History says nothing of an activity between
// its start and its end: its attempts and heartbeats are only here.

type RawDescription = WorkflowExecutionDescription['raw'];

const WAITING = new Set<string>([AWAIT_SESSION_TURN, AWAIT_TURN]);

/** An activity that has not ended. */
export interface PendingActivity {
  /** The activity's id: the `tool_use` id, or that of a model request. */
  id: string;
  /** The activity type: a tool's name, or one of Plait's own. */
  type: string;
  /** From 1; the attempt that runs, or that comes next. */
  attempt: number;
  /** `scheduled` while it waits for a worker, or for its next attempt. */
  state: 'scheduled' | 'running' | 'cancelling' | 'paused';
  /** When the newest attempt began; milliseconds since the epoch. */
  startedAt?: number;
  /** When the attempt before it ended; milliseconds since the epoch. */
  lastEndedAt?: number;
  /** When the next attempt may begin, where one failed; milliseconds since the epoch. */
  nextAttemptAt?: number;
  /** The identity of the worker that had it last. */
  worker?: string;
  /** When its tool began, where that was before its attempt, once a heartbeat has said so. */
  startedEarlyAt?: number;
  /** Why the attempt before this one failed. */
  lastFailure?: string;
}

// Numbers of temporal.api.enums.v1.PendingActivityState.
const STATES: Record<number, PendingActivity['state']> = {
  2: 'running',
  3: 'cancelling',
  4: 'paused',
  // An operator paused it, and its attempt has not stopped yet.
  5: 'paused',
};

export async function pendingActivities(
  raw: RawDescription,
  converter: LoadedDataConverter,
): Promise<PendingActivity[]> {
  const pending = (raw.pendingActivities ?? []).map(async (activity) => ({
    id: activity.activityId ?? '',
    type: activity.activityType?.name ?? '',
    attempt: activity.attempt ?? 1,
    state: STATES[activity.state ?? 0] ?? 'scheduled',
    ...defined({
      startedAt: optionalTsToMs(activity.lastStartedTime),
      startedEarlyAt: await earlyStartOf(activity, converter),
      lastEndedAt: optionalTsToMs(activity.lastAttemptCompleteTime),
      nextAttemptAt: optionalTsToMs(activity.nextAttemptScheduleTime),
      worker: activity.lastWorkerIdentity || undefined,
      lastFailure: await failureMessage(activity.lastFailure, converter),
    }),
  }));
  return await Promise.all(pending);
}

async function earlyStartOf(
  { activityType, attempt, heartbeatDetails }: Activity,
  converter: LoadedDataConverter,
): Promise<number | undefined> {
  // An early run is joined by a first attempt only, and a partial reply is read elsewhere.
  if (attempt !== 1 || activityType?.name === CALL_MODEL) return undefined;
  const details = await decodeArrayFromPayloads(converter, heartbeatDetails?.payloads).catch(
    () => undefined,
  );
  return heartbeatRecord(details)?.startedEarlyAt;
}

type Activity = NonNullable<RawDescription['pendingActivities']>[number];
type Failure = Parameters<typeof decodeOptionalFailureToOptionalError>[1];

/** In clear text, also where the failure is encrypted and this client has the codecs. */
export async function failureMessage(
  failure: Failure,
  converter: LoadedDataConverter,
): Promise<string | undefined> {
  if (!failure?.encodedAttributes) return failure?.message ?? undefined;
  const error = await decodeOptionalFailureToOptionalError(converter, failure).catch(
    () => undefined,
  );
  return error?.message ?? failure.message ?? undefined;
}

/**
 * The turns that calls of the turn wait for, and that are not children of this run: those of sessions, and those
 * that began before the turn was reset. The activities that wait name them.
 */
export async function awaitedTurns(
  { pendingActivities = [] }: RawDescription,
  converter: LoadedDataConverter,
): Promise<string[]> {
  const named = (pendingActivities ?? [])
    .filter(({ activityType }) => WAITING.has(activityType?.name ?? ''))
    .map(async ({ heartbeatDetails }) => {
      const [details] = await decodeArrayFromPayloads(converter, heartbeatDetails?.payloads);
      const turnId = isRecord(details) ? details['turnId'] : undefined;
      return typeof turnId === 'string' ? [turnId] : [];
    });
  return (await Promise.all(named)).flat();
}

/** A model request that has not ended. */
export interface ModelRequest {
  activityId: string;
  /** From 1; the attempt that runs, or that comes next. */
  attempt: number;
  /** Why the attempt before this one failed. */
  lastFailure?: string;
  /** The reply so far, of this attempt or of the one before it. */
  partial?: PartialReply;
}

export async function modelRequest(
  raw: RawDescription,
  converter: LoadedDataConverter,
): Promise<ModelRequest | undefined> {
  const request = raw.pendingActivities?.find(
    ({ activityType }) => activityType?.name === CALL_MODEL,
  );
  if (request === undefined) return undefined;
  const [details] = await decodeArrayFromPayloads(converter, request.heartbeatDetails?.payloads);
  return {
    activityId: request.activityId ?? '',
    attempt: request.attempt ?? 1,
    ...defined({
      lastFailure: await failureMessage(request.lastFailure, converter),
      partial: isPartialReply(details) ? details : undefined,
    }),
  };
}

function isPartialReply(details: unknown): details is PartialReply {
  return isRecord(details) && Array.isArray(details['blocks']);
}
