import type { Client, WorkflowExecutionDescription } from '@temporalio/client';
import { WorkflowNotFoundError } from '@temporalio/client';
import type { LoadedDataConverter } from '@temporalio/common';
import {
  decodeArrayFromPayloads,
  decodeOptionalFailureToOptionalError,
} from '@temporalio/common/lib/internal-non-workflow/index.js';
import { optionalTsToMs } from '@temporalio/common/lib/time.js';
import type { PartialReply } from '../../core/conversation/partial-reply.ts';
import { defined, isRecord } from '../../core/json.ts';
import { CALL_MODEL, TOOL_NAME_PATTERN } from '../../core/names.ts';

// What Temporal's description of a workflow says of a turn. History says nothing of an activity between
// its start and its end: its attempts and heartbeats are only here.

type RawDescription = WorkflowExecutionDescription['raw'];

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
      lastFailure: await messageOf(activity.lastFailure, converter),
    }),
  }));
  return await Promise.all(pending);
}

type Failure = Parameters<typeof decodeOptionalFailureToOptionalError>[1];

/** In clear text, also where the failure is encrypted and this client has the codecs. */
async function messageOf(
  failure: Failure,
  converter: LoadedDataConverter,
): Promise<string | undefined> {
  if (!failure?.encodedAttributes) return failure?.message ?? undefined;
  const error = await decodeOptionalFailureToOptionalError(converter, failure).catch(
    () => undefined,
  );
  return error?.message ?? failure.message ?? undefined;
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
      lastFailure: await messageOf(request.lastFailure, converter),
      partial: isPartialReply(details) ? details : undefined,
    }),
  };
}

function isPartialReply(details: unknown): details is PartialReply {
  return isRecord(details) && Array.isArray(details['blocks']);
}

/** A call that has been scheduled and has not ended. Its `id` is the `tool_use` id. */
export interface PendingCall extends Omit<PendingActivity, 'type' | 'startedAt'> {
  name: string;
}

export interface TurnDescription {
  turnId: string;
  /** Known where the turn was started by an `AgentClient`. */
  agent: string | undefined;
  /** Temporal's name for the status: `RUNNING`, `COMPLETED`, `FAILED`, `TERMINATED`, … */
  status: string;
  startTime: Date;
  closeTime?: Date;
  /** The attempt of the model request that the turn waits for, where it waits for one. */
  modelAttempt?: number;
  pendingCalls: PendingCall[];
  /** Events in the history of the newest run. */
  historyEvents: number;
  /** Size of the same history. `undefined` where the server does not say. */
  historyBytes: number | undefined;
}

export async function describeTurn(client: Client, turnId: string): Promise<TurnDescription> {
  const description = await client.workflow.getHandle(turnId).describe();
  const pending = await pendingActivities(description.raw, client.options.loadedDataConverter);
  const agent = description.memo?.['agent'];
  return {
    turnId: description.workflowId,
    agent: typeof agent === 'string' ? agent : undefined,
    status: description.status.name,
    startTime: await startOf(client, description),
    ...defined({
      closeTime: description.closeTime,
      modelAttempt: pending.find(({ type }) => type === CALL_MODEL)?.attempt,
    }),
    pendingCalls: pending.filter(({ type }) => TOOL_NAME_PATTERN.test(type)).map(pendingCall),
    historyEvents: description.historyLength,
    historyBytes: description.historySize,
  };
}

/** When the turn's first run started; the newest run's time where the first one's retention is over. */
async function startOf(
  client: Client,
  { workflowId, runId, startTime, raw }: WorkflowExecutionDescription,
): Promise<Date> {
  const firstRunId = raw.workflowExecutionInfo?.firstRunId;
  if (!firstRunId || firstRunId === runId) return startTime;
  try {
    return (await client.workflow.getHandle(workflowId, firstRunId).describe()).startTime;
  } catch (error) {
    if (error instanceof WorkflowNotFoundError) return startTime;
    throw error;
  }
}

function pendingCall(activity: PendingActivity): PendingCall {
  const { type, startedAt: _, ...rest } = activity;
  return { name: type, ...rest };
}
