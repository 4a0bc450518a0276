import { randomUUID } from 'node:crypto';
import type { Client } from '@temporalio/client';
import {
  isGrpcDeadlineError,
  QueryNotRegisteredError,
  QueryRejectedError,
  WorkflowClient,
  WorkflowUpdateFailedError,
} from '@temporalio/client';
import { rootCause } from '@temporalio/common';
import { causeChain } from '../core/failures.ts';
import { jsonBytes, shorten } from '../core/json.ts';
import { MAX_RESULT_BYTES } from '../core/turn/payload-room.ts';
import { TURN_STATE_QUERY } from '../core/turn/protocol.ts';
import type { SessionTurnProgress } from '../core/turn/result.ts';
import { digestOf } from './digest.ts';
import { TurnNotFoundError, WorkerUnavailableError } from './errors.ts';
import { inTurn, whileBusy, workerAnswers } from './in-flight.ts';
import { aboutTurn, GRPC, grpcStatus, noWorker, ranOutOfTime } from './temporal-errors.ts';

// A worker answers Queries and Updates, and the server would wait for one forever. So every request here has
// a deadline: a person who decides about a call learns that no worker took the decision.

/** How long a worker may take to answer; some seconds if the worker that had the turn was killed. */
const ANSWER_MS = 10_000;
/** How long an accepted Update may take. It may have to check an edited input in an activity. */
const OUTCOME_MS = 30_000;
/** How long the server may take to describe the turn. */
const DESCRIPTION_MS = 5_000;

/** By how much two clocks may disagree about a deadline. */
const CLOCK_SLACK_MS = 100;

/**
 * What a running turn answers to a Query without arguments; `undefined` if the turn has ended.
 *
 * Throws a `TurnNotFoundError`, a `WorkerUnavailableError`, a `TemporalUnavailableError`.
 */
export async function queryTurn(
  client: Client,
  turnId: string,
  query: string,
  milliseconds = ANSWER_MS,
): Promise<unknown> {
  // Reject closed runs: a terminated turn would answer with what it was waiting for.
  const running = new WorkflowClient({
    ...client.workflow.options,
    connection: client.connection,
    dataConverter: client.options.loadedDataConverter,
    queryRejectCondition: 'NOT_OPEN',
  });
  try {
    return await answered(client, turnId, milliseconds, () =>
      running.getHandle(turnId).query(query),
    );
  } catch (error) {
    if (error instanceof QueryRejectedError) return undefined;
    if (error instanceof QueryNotRegisteredError) {
      throw new WorkerUnavailableError(
        [turnId],
        `Turn ${turnId} does not know the Query "${query}": its worker runs an older version of Plait, or the workflow is not a turn.`,
        { cause: error },
      );
    }
    throw error;
  }
}

/** What a turn has done, even if it has ended. Throws what `queryTurn` throws. */
export async function turnState(client: Client, turnId: string): Promise<SessionTurnProgress> {
  return await answered(client, turnId, ANSWER_MS, () =>
    client.workflow.getHandle(turnId).query<SessionTurnProgress>(TURN_STATE_QUERY),
  );
}

/** An Update whose id stays the same however often it is sent, so that it counts once. */
interface TurnUpdate {
  name: string;
  argument: unknown;
  id: string;
}

/** Long enough for every `tool_use` id, and short enough for the id of an Update. */
const CALL_ID_LIMIT = 200;

/** An Update about a call. Throws a `TypeError` for an argument that is not JSON. */
export function turnUpdate(name: string, callId: string, argument: unknown): TurnUpdate {
  try {
    const digest = digestOf(argument).slice(0, 16);
    return { name, argument, id: `${name}-${shorten(callId, CALL_ID_LIMIT)}-${digest}` };
  } catch (error) {
    throw new TypeError(`What you send for call ${callId} must be JSON: ${causeChain(error)}`, {
      cause: error,
    });
  }
}

/** Why a turn rejected an Update. */
interface Rejection {
  reason: string;
  cause?: Error;
}

/**
 * Why an Update does not fit into a payload. The server would accept it, but then the turn could not complete
 * any workflow task.
 */
export function tooLarge(client: Client, { argument }: TurnUpdate): Rejection | undefined {
  const bytes = jsonBytes(argument);
  const hasStorage = client.options.loadedDataConverter.externalStorage !== undefined;
  return hasStorage || bytes <= MAX_RESULT_BYTES
    ? undefined
    : {
        reason: `${bytes} bytes are above the limit of ${MAX_RESULT_BYTES}. Give the client the \`storage\` of the workers, or send less.`,
      };
}

/**
 * Sends an Update to a turn. Returns why the turn rejected it; `undefined` if it accepted it.
 *
 * Throws a `TurnNotFoundError`, a `WorkerUnavailableError`, a `TemporalUnavailableError`.
 */
export async function updateTurn(
  client: Client,
  turnId: string,
  update: TurnUpdate,
): Promise<Rejection | undefined> {
  const problem = tooLarge(client, update);
  if (problem !== undefined) return problem;
  try {
    await inTurn(client, turnId, update.argument, () => send(client, turnId, update));
    return undefined;
  } catch (error) {
    if (error instanceof WorkflowUpdateFailedError) {
      // The workflow's own words, without wrappers such as "Activity task failed".
      return { reason: rootCause(error.cause) ?? error.message, cause: error };
    }
    if (!(error instanceof TurnNotFoundError)) throw error;
    // The server gives the same error for a turn that has ended and for one that never existed.
    await describe(client, turnId);
    return { reason: 'the turn has ended.', cause: error };
  }
}

async function send(client: Client, turnId: string, update: TurnUpdate): Promise<void> {
  const execute = async (updateId: string): Promise<void> => {
    const turn = client.workflow.getHandle(turnId);
    const { name, argument } = update;
    const options = { args: [argument] as [unknown], updateId };
    const start = () =>
      answered(client, turnId, ANSWER_MS, () =>
        turn.startUpdate(name, { ...options, waitForStage: 'ACCEPTED' }),
      );
    const accepted = await whileBusy(turnId, start, () => workerAnswers(client, turnId));
    await answered(client, turnId, OUTCOME_MS, () => accepted.result());
  };
  try {
    await execute(update.id);
  } catch (error) {
    const isInternal = grpcStatus(error)?.code === GRPC.internal;
    if (!(error instanceof WorkflowUpdateFailedError) && !isInternal) throw error;
    // The server remembers how the Update of this id failed, perhaps long ago: an edited input that could not
    // be checked then would never be checked again. And a reset repeats the Updates of the old run; if the
    // new run rejects one, the server has no answer for its id at all. In both cases nothing was done, so
    // send it under a new id. The turn rejects what it has already done.
    await execute(randomUUID());
  }
}

/** Runs a request that a worker answers, for at most so many milliseconds. */
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
      // A cancel before the deadline has another cause and says nothing about workers.
      const isTime = Date.now() >= deadline - CLOCK_SLACK_MS;
      const isLate = isGrpcDeadlineError(error) || (ranOutOfTime(error) && isTime);
      const reason = isLate ? `after ${milliseconds / 1_000} s` : noWorker(error);
      if (reason === undefined) throw error;
      // Throws a better error if the server itself is away.
      const { taskQueue } = await describe(client, turnId);
      throw new WorkerUnavailableError(
        [turnId],
        `No worker answered for turn ${turnId} (${reason}). Check that one runs on task queue ${taskQueue}, then ask again: nothing is done twice.`,
        { cause: error },
      );
    }
  });
}

async function describe(client: Client, turnId: string): Promise<{ taskQueue: string }> {
  return await aboutTurn(turnId, client.options.namespace, () =>
    client.withDeadline(Date.now() + DESCRIPTION_MS, () =>
      client.workflow.getHandle(turnId).describe(),
    ),
  );
}
