import {
  NamespaceNotFoundError,
  ServiceError,
  WorkflowFailedError,
  WorkflowNotFoundError,
} from '@temporalio/client';
import { ApplicationFailure, TerminatedFailure, TimeoutFailure } from '@temporalio/common';
import { isRecord } from '../core/json.ts';
import { TemporalUnavailableError, TurnFailedError, TurnNotFoundError } from './errors.ts';

/** gRPC: nobody listens, or not in time. */
const UNREACHABLE = new Set([4, 14]);

/** gRPC: what was asked makes no sense. */
const INVALID_ARGUMENT = 3;

/** What the server finds wrong with a request, where that is what the error says. */
export function invalidArgument(error: unknown): string | undefined {
  if (!(error instanceof ServiceError) || !isRecord(error.cause)) return undefined;
  const { code, details, message } = error.cause;
  if (code !== INVALID_ARGUMENT) return undefined;
  // The native connection says it elsewhere.
  return typeof details === 'string' && details !== '' ? details : message;
}

/** Runs a request about a turn, and says in Plait's words what went wrong with it. */
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

/** The same error, in Plait's words where it is about the server. */
export function aboutServer(error: unknown, namespace: string): unknown {
  if (error instanceof NamespaceNotFoundError) {
    return new TemporalUnavailableError(
      `The Temporal server has no namespace ${namespace}: set TEMPORAL_NAMESPACE, or create it with \`temporal operator namespace create -n ${namespace}\`.`,
      { cause: error },
    );
  }
  if (error instanceof ServiceError && isRecord(error.cause)) {
    const { code, details } = error.cause;
    if (typeof code === 'number' && UNREACHABLE.has(code)) {
      const reason = typeof details === 'string' && details !== '' ? details : error.message;
      return new TemporalUnavailableError(
        `The Temporal server does not answer (${reason}). Start one with \`plait dev <module>\`, or set TEMPORAL_ADDRESS.`,
        { cause: error },
      );
    }
  }
  return error;
}

function turnFailed(turnId: string, error: WorkflowFailedError): TurnFailedError {
  const { cause } = error;
  if (cause instanceof ApplicationFailure) {
    const [progress, model] = cause.details ?? [];
    return new TurnFailedError(turnId, cause.message, {
      type: cause.type ?? 'unknown',
      progress,
      model,
      cause: error,
    });
  }
  if (cause instanceof TerminatedFailure) {
    return new TurnFailedError(turnId, `Turn ${turnId} was terminated: ${cause.message}`, {
      type: 'Terminated',
      cause: error,
    });
  }
  if (cause instanceof TimeoutFailure) {
    return new TurnFailedError(turnId, `Turn ${turnId} ran into its workflow timeout`, {
      type: 'TimedOut',
      cause: error,
    });
  }
  return new TurnFailedError(turnId, `Turn ${turnId} failed: ${cause?.message ?? error.message}`, {
    type: cause?.name ?? 'unknown',
    cause: error,
  });
}
