import { setTimeout as sleep } from 'node:timers/promises';
import type { Client } from '@temporalio/client';
import {
  ServiceError,
  WithStartWorkflowOperation,
  WorkflowExecutionAlreadyStartedError,
  WorkflowNotFoundError,
  WorkflowUpdateFailedError,
} from '@temporalio/client';
import type { WorkflowStartOptions } from '@temporalio/client';
import { ApplicationFailure } from '@temporalio/common';
import { SEND_REJECTED, SESSION_BUSY, SESSION_CLOSED } from '../core/failures.ts';
import { isRecord } from '../core/json.ts';
import { SESSION_WORKFLOW } from '../core/names.ts';
import { ranOutOfTime } from './ask-turn.ts';
import {
  SendRejectedError,
  SessionBusyError,
  SessionClosedError,
  SessionNotFoundError,
  WorkerUnavailableError,
} from './errors.ts';
import { aboutServer } from './temporal-errors.ts';

/**
 * How long a worker may take to answer. One that was killed while it worked at a task of the session is
 * given up by the server after 10 s, and then another one answers.
 */
const ANSWER_MS = 15_000;
/** How long a session may keep going on in a new run just when it is asked. */
const GIVE_UP_MS = 30_000;
const PAUSE_MS = 20;

/** gRPC: no worker is known, or the workflow's last task has failed. */
const FAILED_PRECONDITION = 9;
/** gRPC: another request was in the way. */
const ABORTED = 10;

/** An Update of a session. Sent again under its id, or with its key, it is done once. */
export interface SessionUpdate {
  name: string;
  argument: unknown;
  id: string;
}

export type StartOptions = WorkflowStartOptions & { workflowId: string };

/**
 * Has a session take an Update; `start` begins the session where it does not exist.
 *
 * Throws a `SessionNotFoundError`, `SessionClosedError`, `SessionBusyError`, `SendRejectedError`,
 * `WorkerUnavailableError` or `TemporalUnavailableError`.
 */
export async function updateSession<T>(
  client: Client,
  sessionId: string,
  { name, argument, id }: SessionUpdate,
  start?: StartOptions,
): Promise<T> {
  const options = { args: [argument] as [unknown], updateId: id };
  const execute = (): Promise<unknown> =>
    start === undefined
      ? client.workflow.getHandle(sessionId).executeUpdate(name, options)
      : client.workflow.executeUpdateWithStart(name, {
          ...options,
          startWorkflowOperation: new WithStartWorkflowOperation(SESSION_WORKFLOW, {
            ...start,
            workflowIdConflictPolicy: 'USE_EXISTING',
            // Closed is closed: a message must not silently begin an empty conversation.
            workflowIdReusePolicy: 'REJECT_DUPLICATE',
          }),
        });
  return (await askSession(client, sessionId, execute)) as T;
}

/** Runs a request that a worker has to answer, again where the session has gone on in a new run. */
export async function askSession<T>(
  client: Client,
  sessionId: string,
  request: () => Promise<T>,
): Promise<T> {
  for (const giveUpAt = Date.now() + GIVE_UP_MS; ;) {
    try {
      return await client.withDeadline(Date.now() + ANSWER_MS, request);
    } catch (error) {
      const final = await explained(client, sessionId, error);
      if (final !== undefined) throw final;
      if (Date.now() > giveUpAt) throw error;
      await sleep(PAUSE_MS);
    }
  }
}

/** What went wrong, in Plait's words; `undefined` where it is worth to ask again. */
async function explained(client: Client, sessionId: string, error: unknown): Promise<unknown> {
  const { namespace } = client.options;
  if (error instanceof WorkflowUpdateFailedError) return refusal(sessionId, error);
  if (error instanceof WorkflowExecutionAlreadyStartedError) {
    return new SessionClosedError(sessionId, { cause: error });
  }
  if (error instanceof WorkflowNotFoundError) return await whyNotFound(client, sessionId, error);
  if (ranOutOfTime(error)) return unavailable(sessionId, `after ${ANSWER_MS / 1_000} s`, error);
  if (error instanceof ServiceError && isRecord(error.cause)) {
    const { code, details } = error.cause;
    if (code === FAILED_PRECONDITION) return unavailable(sessionId, String(details), error);
    if (code === ABORTED) return undefined;
  }
  return aboutServer(error, namespace);
}

function refusal(sessionId: string, error: WorkflowUpdateFailedError): Error | undefined {
  const { cause } = error;
  if (!(cause instanceof ApplicationFailure)) return undefined;
  const reason = cause.message;
  switch (cause.type) {
    case SESSION_CLOSED:
      return new SessionClosedError(sessionId, { cause: error });
    case SESSION_BUSY:
      return new SessionBusyError(sessionId, reason, { cause: error });
    case SEND_REJECTED:
      return new SendRejectedError(sessionId, reason, { cause: error });
    default:
      // The run ended with the Update in hand: it has gone on in a new one, or the next answer tells.
      return undefined;
  }
}

/** The server does not tell a run that has just ended from a session that never was. */
async function whyNotFound(
  client: Client,
  sessionId: string,
  error: Error,
): Promise<Error | undefined> {
  try {
    const { status } = await client.workflow.getHandle(sessionId).describe();
    if (status.name === 'RUNNING' || status.name === 'CONTINUED_AS_NEW') return undefined;
    return new SessionClosedError(sessionId, { cause: error });
  } catch (inner) {
    if (!(inner instanceof WorkflowNotFoundError)) throw inner;
    return new SessionNotFoundError(sessionId, client.options.namespace);
  }
}

function unavailable(sessionId: string, reason: string, cause: unknown): WorkerUnavailableError {
  return new WorkerUnavailableError(
    [sessionId],
    `No worker has answered for session ${sessionId} (${reason}). Check that one runs on its task queue, then send again with the same idempotencyKey: nothing is done twice.`,
    { cause },
  );
}
