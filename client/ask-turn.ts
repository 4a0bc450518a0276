import { randomUUID } from 'node:crypto';
import type { Client } from '@temporalio/client';
import {
  isGrpcCancelledError,
  isGrpcDeadlineError,
  QueryNotRegisteredError,
  QueryRejectedError,
  ServiceError,
  WorkflowClient,
  WorkflowUpdateFailedError,
} from '@temporalio/client';
import { rootCause } from '@temporalio/common';
import { causeChain } from '../core/failures.ts';
import { isRecord, jsonBytes, shorten } from '../core/json.ts';
import { MAX_RESULT_BYTES } from '../core/turn/payload-room.ts';
import { digestOf } from './digest.ts';
import { TurnNotFoundError, WorkerUnavailableError } from './errors.ts';
import { aboutTurn } from './temporal-errors.ts';

// Queries and Updates are answered by a worker, and the server waits for one without an end of its
// own. A decision that nobody takes has to be told to whoever made it.

/** How long a worker may take: some seconds where the one that knew the turn was killed. */
const ANSWER_MS = 10_000;
/** And then until an Update has done its work, for which an edited input is checked. */
const OUTCOME_MS = 30_000;
/** How long the server may take to say how the turn stands. */
const DESCRIPTION_MS = 5_000;

/** How far two clocks may disagree about a deadline. */
const CLOCK_SLACK_MS = 100;

/** gRPC: the server knows of no worker, or the workflow's last task has failed. */
const FAILED_PRECONDITION = 9;
/** gRPC: the server has failed. */
const INTERNAL = 13;

/**
 * What a running turn answers to a Query without arguments; `undefined` where it has ended.
 *
 * Throws a `TurnNotFoundError`, a `WorkerUnavailableError`, a `TemporalUnavailableError`.
 */
export async function queryTurn(client: Client, turnId: string, query: string): Promise<unknown> {
  // Of a turn that was terminated, a Query would tell what it waited for.
  const running = new WorkflowClient({
    ...client.workflow.options,
    connection: client.connection,
    dataConverter: client.options.loadedDataConverter,
    queryRejectCondition: 'NOT_OPEN',
  });
  try {
    return await answered(client, turnId, ANSWER_MS, () => running.getHandle(turnId).query(query));
  } catch (error) {
    if (error instanceof QueryRejectedError) return undefined;
    if (error instanceof QueryNotRegisteredError) {
      throw new WorkerUnavailableError(
        [turnId],
        `Turn ${turnId} does not know the question "${query}": its worker runs an older version of Plait, or it is no turn.`,
        { cause: error },
      );
    }
    throw error;
  }
}

/** An Update, under an id that makes it one and the same however often it is sent. */
interface TurnUpdate {
  name: string;
  argument: unknown;
  id: string;
}

/** Long enough for every `tool_use` id, and short enough for an id of an Update. */
const CALL_ID_LIMIT = 200;

/** An Update about a call. Throws a `TypeError` for what is no JSON. */
export function turnUpdate(name: string, callId: string, argument: unknown): TurnUpdate {
  try {
    const digest = digestOf(argument).slice(0, 16);
    return { name, argument, id: `${name}-${shorten(callId, CALL_ID_LIMIT)}-${digest}` };
  } catch (error) {
    throw new TypeError(`What is sent for call ${callId} must be JSON: ${causeChain(error)}`, {
      cause: error,
    });
  }
}

/** Why a turn does not take an Update. */
export interface Refusal {
  reason: string;
  cause?: Error;
}

/**
 * Has a turn take an Update, and returns why it does not, if so.
 *
 * Throws a `TurnNotFoundError`, a `WorkerUnavailableError`, a `TemporalUnavailableError`.
 */
export async function updateTurn(
  client: Client,
  turnId: string,
  update: TurnUpdate,
): Promise<Refusal | undefined> {
  const bytes = jsonBytes(update.argument);
  // It would be taken, and then no workflow task of this turn could be completed.
  if (
    bytes > MAX_RESULT_BYTES &&
    client.options.loadedDataConverter.externalStorage === undefined
  ) {
    return {
      reason: `${bytes} bytes are above the limit of ${MAX_RESULT_BYTES}. Give the client the \`storage\` of the workers, or send less.`,
    };
  }
  try {
    await send(client, turnId, update);
    return undefined;
  } catch (error) {
    if (error instanceof WorkflowUpdateFailedError) {
      // The workflow's own words. What wraps them, such as "Activity task failed", helps nobody.
      return { reason: rootCause(error.cause) ?? error.message, cause: error };
    }
    if (!(error instanceof TurnNotFoundError)) throw error;
    // The server does not tell an ended turn from one that never was.
    await describe(client, turnId);
    return { reason: 'the turn has ended.', cause: error };
  }
}

async function send(client: Client, turnId: string, update: TurnUpdate): Promise<void> {
  const execute = async (updateId: string): Promise<void> => {
    const turn = client.workflow.getHandle(turnId);
    const { name, argument } = update;
    const options = { args: [argument] as [unknown], updateId };
    const accepted = await answered(client, turnId, ANSWER_MS, () =>
      turn.startUpdate(name, { ...options, waitForStage: 'ACCEPTED' }),
    );
    await answered(client, turnId, OUTCOME_MS, () => accepted.result());
  };
  try {
    await execute(update.id);
  } catch (error) {
    if (!(error instanceof WorkflowUpdateFailedError) && !isInternal(error)) throw error;
    // The server keeps how an Update of this id has failed, perhaps long ago: an edited input that
    // could not be checked would never be checked again. And a reset repeats the Updates of the old
    // run: of one that the new run has refused, the server knows no answer at all. Nothing was done,
    // so ask anew; what was done after all is refused.
    await execute(randomUUID());
  }
}

function isInternal(error: unknown): boolean {
  return error instanceof ServiceError && isRecord(error.cause) && error.cause['code'] === INTERNAL;
}

/** Runs a request that a worker has to answer, for so long and not longer. */
async function answered<T>(
  client: Client,
  turnId: string,
  milliseconds: number,
  request: () => Promise<T>,
): Promise<T> {
  const { namespace } = client.options;
  return await aboutTurn(turnId, namespace, async () => {
    const deadline = Date.now() + milliseconds;
    try {
      return await client.withDeadline(deadline, request);
    } catch (error) {
      // Somebody else may have cancelled it too, and that is not about workers.
      const isTime = Date.now() >= deadline - CLOCK_SLACK_MS;
      const late = isGrpcDeadlineError(error) || (ranOutOfTime(error) && isTime);
      const reason = late ? `after ${milliseconds / 1_000} s` : unanswerable(error);
      if (reason === undefined) throw error;
      // Where it is the server that is away, this says so.
      const { taskQueue } = await describe(client, turnId);
      throw new WorkerUnavailableError(
        [turnId],
        `No worker has answered for turn ${turnId} (${reason}). Check that one runs on task queue ${taskQueue}, then ask again: nothing is done twice.`,
        { cause: error },
      );
    }
  });
}

/**
 * Whether a request, or one that is the cause, ended with its deadline. The server counts as well, and
 * where it is the first to notice, it cancels the request.
 */
export function ranOutOfTime(error: unknown): boolean {
  return isGrpcDeadlineError(error) || isGrpcCancelledError(error);
}

/** The server's reason why no worker can answer. */
function unanswerable(error: unknown): string | undefined {
  if (!(error instanceof ServiceError) || !isRecord(error.cause)) return undefined;
  const { code, details } = error.cause;
  return code === FAILED_PRECONDITION ? String(details) : undefined;
}

async function describe(client: Client, turnId: string): Promise<{ taskQueue: string }> {
  return await aboutTurn(turnId, client.options.namespace, () =>
    client.withDeadline(Date.now() + DESCRIPTION_MS, () =>
      client.workflow.getHandle(turnId).describe(),
    ),
  );
}
