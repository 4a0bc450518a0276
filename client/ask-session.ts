import { setTimeout as sleep } from 'node:timers/promises';
import type { Client, WorkflowClient, WorkflowStartOptions } from '@temporalio/client';
import {
  WithStartWorkflowOperation,
  WorkflowExecutionAlreadyStartedError,
  WorkflowNotFoundError,
  WorkflowUpdateFailedError,
} from '@temporalio/client';
import { ApplicationFailure } from '@temporalio/common';
import { SEND_REJECTED, SESSION_BUSY, SESSION_CLOSED } from '../core/failures.ts';
import { SESSION_WORKFLOW } from '../core/names.ts';
import {
  SendRejectedError,
  SessionBusyError,
  SessionClosedError,
  SessionNotFoundError,
  WorkerUnavailableError,
} from './errors.ts';
import { findWorkflow } from './find-workflow.ts';
import { inTurn, whileBusy, workerAnswers } from './in-flight.ts';
import { aboutServer, GRPC, grpcStatus, noWorker, ranOutOfTime } from './temporal-errors.ts';

/**
 * How long a worker may take to answer. If a worker is killed while it works on a task of the session, the
 * server waits 10 s for it before it asks another.
 */
const ANSWER_MS = 15_000;
/** How long to ask again a session that continues as new at this very moment. */
const GIVE_UP_MS = 30_000;
const PAUSE_MS = 20;

/** An Update of a session. Sent again with the same id or the same key, it is done once. */
export interface SessionUpdate {
  name: string;
  argument: unknown;
  id: string;
}

export type SessionStart = WorkflowStartOptions & { workflowId: string };

/**
 * Sends an Update to a session. With `start`, it creates the session if that does not exist.
 *
 * Throws a `SessionNotFoundError`, `SessionClosedError`, `SessionBusyError`, `SendRejectedError`,
 * `WorkerUnavailableError` or `TemporalUnavailableError`.
 */
export async function updateSession<T>(
  client: Client,
  sessionId: string,
  { name, argument, id }: SessionUpdate,
  start?: SessionStart,
  workflow: WorkflowClient = client.workflow,
): Promise<T> {
  const options = { args: [argument] as [unknown], updateId: id };
  const execute = (): Promise<unknown> =>
    start === undefined
      ? workflow.getHandle(sessionId).executeUpdate(name, options)
      : workflow.executeUpdateWithStart(name, {
          ...options,
          startWorkflowOperation: new WithStartWorkflowOperation(SESSION_WORKFLOW, {
            ...start,
            workflowIdConflictPolicy: 'USE_EXISTING',
            // A message to a closed session must not silently start an empty conversation.
            workflowIdReusePolicy: 'REJECT_DUPLICATE',
          }),
        });
  return await inTurn(client, sessionId, argument, () =>
    whileBusy(
      sessionId,
      async () => (await askSession(client, sessionId, execute)) as T,
      () => workerAnswers(client, sessionId),
    ),
  );
}

/** Runs a request that a worker answers, and runs it again if the session continues as new. */
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

/** The error to throw; `undefined` if the same request may succeed now. */
async function explained(client: Client, sessionId: string, error: unknown): Promise<unknown> {
  if (error instanceof WorkflowUpdateFailedError) return rejection(sessionId, error);
  if (error instanceof WorkflowExecutionAlreadyStartedError) {
    return new SessionClosedError(sessionId, { cause: error });
  }
  if (error instanceof WorkflowNotFoundError) return await whyNotFound(client, sessionId, error);
  const reason = ranOutOfTime(error) ? `after ${ANSWER_MS / 1_000} s` : noWorker(error);
  if (reason !== undefined) return unavailable(sessionId, reason, error);
  if (grpcStatus(error)?.code === GRPC.aborted) return undefined;
  return aboutServer(error, client.options.namespace);
}

function rejection(sessionId: string, error: WorkflowUpdateFailedError): Error | undefined {
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
      // The run ended before it answered. The next run answers, or the server says that there is none.
      return undefined;
  }
}

/** The server gives the same error for a run that has just ended and for a session that never existed. */
async function whyNotFound(
  client: Client,
  sessionId: string,
  error: Error,
): Promise<Error | undefined> {
  const session = await findWorkflow(client.workflow, sessionId);
  if (session === undefined) return new SessionNotFoundError(sessionId, client.options.namespace);
  const { name } = session.status;
  if (name === 'RUNNING' || name === 'CONTINUED_AS_NEW') return undefined;
  return new SessionClosedError(sessionId, { cause: error });
}

function unavailable(sessionId: string, reason: string, cause: unknown): WorkerUnavailableError {
  return new WorkerUnavailableError(
    [sessionId],
    `No worker answered for session ${sessionId} (${reason}). Check that one runs on its task queue, then send again with the same idempotencyKey: nothing is done twice.`,
    { cause },
  );
}
