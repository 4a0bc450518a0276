import type { WorkflowExecutionDescription } from '@temporalio/client';
import type { LoadedDataConverter } from '@temporalio/common';
import { decodeArrayFromPayloads } from '@temporalio/common/lib/internal-non-workflow/index.js';
import type { PartialReply } from '../../core/conversation/partial-reply.ts';
import { isRecord } from '../../core/json.ts';
import { CALL_MODEL } from '../../core/names.ts';

/** A model request that is open. */
export interface ModelRequest {
  activityId: string;
  /** From 1; the attempt that runs, or that comes next. */
  attempt: number;
  /** Why the attempt before this one failed. */
  lastFailure?: string;
  /** What has formed of the reply, in this attempt or in the one before it. */
  forming?: PartialReply;
}

export async function modelRequest(
  raw: WorkflowExecutionDescription['raw'],
  converter: LoadedDataConverter,
): Promise<ModelRequest | undefined> {
  const request = raw.pendingActivities?.find(
    ({ activityType }) => activityType?.name === CALL_MODEL,
  );
  if (request === undefined) return undefined;
  const [forming] = await decodeArrayFromPayloads(converter, request.heartbeatDetails?.payloads);
  const lastFailure = request.lastFailure?.message;
  return {
    activityId: request.activityId ?? '',
    attempt: request.attempt ?? 1,
    ...(typeof lastFailure === 'string' ? { lastFailure } : {}),
    ...(isForming(forming) ? { forming } : {}),
  };
}

function isForming(details: unknown): details is PartialReply {
  return isRecord(details) && Array.isArray(details['blocks']);
}
