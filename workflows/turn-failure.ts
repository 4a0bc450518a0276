import { ActivityFailure, ApplicationFailure, rootCause } from '@temporalio/workflow';
import { INVALID_TURN, MODEL_CALL_FAILED } from '../core/failures.ts';
import type { Message } from '../core/messages.ts';
import { openingMessages } from '../core/turn-input.ts';
import type { TurnState } from '../core/turn-state.ts';
import { hasOutgrown, turnProgress } from '../core/turn-state.ts';
import { readTranscript } from './read-transcript.ts';

/** The messages that the turn begins with. Fails the run, instead of retrying its task for ever. */
export function checkArgs(args: unknown): Message[] {
  try {
    return openingMessages(args);
  } catch (error) {
    throw ApplicationFailure.nonRetryable(rootCause(error), INVALID_TURN);
  }
}

/** Refuses an input that already fills a payload, before any work is done for it. */
export function checkFits(state: TurnState, stored: boolean): void {
  if (!hasOutgrown(state, stored)) return;
  const message = `The input of ${state.transcript.tailBytes} bytes does not fit into one payload. Give the worker and the client a \`storage\`.`;
  throw ApplicationFailure.nonRetryable(message, INVALID_TURN);
}

/** What the run fails with: the root cause, with the rounds that were committed before it. */
export async function turnFailure(
  error: unknown,
  agent: string,
  state: TurnState,
): Promise<ApplicationFailure> {
  const cause = error instanceof ActivityFailure ? error.cause : error;
  const failure = cause instanceof ApplicationFailure ? cause : undefined;
  const messages = await readTranscript(state.transcript).catch(() => state.transcript.tail);
  return ApplicationFailure.create({
    message: rootCause(error) ?? String(error),
    type: failure?.type ?? MODEL_CALL_FAILED,
    nonRetryable: true,
    details: [turnProgress(agent, state, messages), ...(failure?.details ?? [])],
    ...(error instanceof Error ? { cause: error } : {}),
  });
}
