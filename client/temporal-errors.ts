import {
  isGrpcCancelledError,
  isGrpcDeadlineError,
  NamespaceNotFoundError,
  ServiceError,
  WorkflowFailedError,
  WorkflowNotFoundError,
} from '@temporalio/client';
import {
  ApplicationFailure,
  TerminatedFailure,
  TimeoutFailure,
  ValueError,
} from '@temporalio/common';
import { PlaitError } from '../core/errors.ts';
import { isRecord } from '../core/json.ts';
import { StorageUnavailableError } from '../storage/errors.ts';
import {
  TemporalUnavailableError,
  TurnFailedError,
  TurnNotFoundError,
  UnreadablePayloadError,
} from './errors.ts';

/** The status codes of gRPC that mean something here. */
export const GRPC = {
  invalidArgument: 3,
  deadlineExceeded: 4,
  /** A page is larger than a message may be. */
  resourceExhausted: 8,
  /** The server knows of no worker, or the last workflow task failed. */
  failedPrecondition: 9,
  /** The request collided with another one. */
  aborted: 10,
  internal: 13,
  unavailable: 14,
} as const;

/** How the server answered a failed request; `undefined` if the error does not come from the server. */
export function grpcStatus(error: unknown): { code: number; details: string } | undefined {
  // Temporal's clients wrap what the connection throws; its services do not.
  const status: unknown = error instanceof ServiceError ? error.cause : error;
  if (!isRecord(status) || typeof status['code'] !== 'number') return undefined;
  const { code, details, message } = status;
  // The native connection has no details.
  const text = typeof details === 'string' && details !== '' ? details : message;
  return { code, details: String(text) };
}

/** What the server finds wrong with a request, if the error is about that. */
export function invalidArgument(error: unknown): string | undefined {
  const status = grpcStatus(error);
  return status?.code === GRPC.invalidArgument ? status.details : undefined;
}

/**
 * Why the server does not accept a request: it is invalid, or larger than a message or a payload may be.
 * Asking again does not help.
 */
export function invalidRequest(error: unknown): string | undefined {
  const status = grpcStatus(error);
  const isTooLarge =
    status?.code === GRPC.resourceExhausted && /larger than max/i.test(status.details);
  return isTooLarge ? status.details : invalidArgument(error);
}

/** The server's reason why no worker can answer, if the error is about that. */
export function noWorker(error: unknown): string | undefined {
  const status = grpcStatus(error);
  return status?.code === GRPC.failedPrecondition ? status.details : undefined;
}

/** Whether the error, or the one behind it, says that the workflow task with the Update failed. */
export function taskFailed(error: unknown): boolean {
  const status = grpcStatus(error instanceof PlaitError ? error.cause : error);
  return status?.code === GRPC.failedPrecondition && /workflow task failure/i.test(status.details);
}

/**
 * Whether the request, or the one behind the error, ended with its deadline. The server knows the deadline
 * too, and if it notices first, it cancels the request.
 */
export function ranOutOfTime(error: unknown): boolean {
  return isGrpcDeadlineError(error) || isGrpcCancelledError(error);
}

/** Runs a request about a turn, and turns what it throws into Plait's errors. */
export async function aboutTurn<T>(
  turnId: string,
  namespace: string,
  request: () => Promise<T>,
): Promise<T> {
  try {
    return await request();
  } catch (error) {
    if (error instanceof WorkflowNotFoundError) throw new TurnNotFoundError(turnId, namespace);
    if (error instanceof WorkflowFailedError) throw turnFailed(turnId, error);
    throw aboutServer(error, namespace);
  }
}

/**
 * A `TemporalUnavailableError` or an `UnreadablePayloadError` if the error is about the server or what it
 * returned; otherwise the error itself.
 */
export function aboutServer(error: unknown, namespace: string): unknown {
  if (error instanceof NamespaceNotFoundError) {
    return new TemporalUnavailableError(
      `The Temporal server has no namespace ${namespace}: set TEMPORAL_NAMESPACE, or create it with \`temporal operator namespace create -n ${namespace}\`.`,
      { cause: error },
    );
  }
  // The SDK has no class for it, and uses this one also for values that it cannot encode.
  if (error instanceof ValueError && error.message.startsWith('Unknown encoding')) {
    return new UnreadablePayloadError(namespace, error.message, { cause: error });
  }
  // Temporal's client takes every failure on the way to the server for a failure of the server.
  if (error instanceof ServiceError && error.cause instanceof StorageUnavailableError) {
    return error.cause;
  }
  const status = grpcStatus(error);
  if (status?.code !== GRPC.deadlineExceeded && status?.code !== GRPC.unavailable) return error;
  return new TemporalUnavailableError(
    `The Temporal server does not answer (${status.details}). Start one with \`plait dev <module>\`, or set TEMPORAL_ADDRESS.`,
    { cause: error },
  );
}

function turnFailed(turnId: string, error: WorkflowFailedError): TurnFailedError {
  const { cause } = error;
  if (cause instanceof ApplicationFailure) {
    const [progress, model] = cause.details ?? [];
    const type = cause.type ?? 'unknown';
    return new TurnFailedError(turnId, cause.message, { type, progress, model, cause: error });
  }
  if (cause instanceof TerminatedFailure) {
    const message = `Turn ${turnId} was terminated: ${cause.message}`;
    return new TurnFailedError(turnId, message, { type: 'Terminated', cause: error });
  }
  if (cause instanceof TimeoutFailure) {
    const message = `Turn ${turnId} reached its workflow timeout`;
    return new TurnFailedError(turnId, message, { type: 'TimedOut', cause: error });
  }
  const message = `Turn ${turnId} failed: ${cause?.message ?? error.message}`;
  return new TurnFailedError(turnId, message, { type: cause?.name ?? 'unknown', cause: error });
}
