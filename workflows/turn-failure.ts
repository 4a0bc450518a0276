import {
  ActivityFailure,
  ApplicationFailure,
  rootCause,
  TimeoutFailure,
} from '@temporalio/workflow';
import { INTERNAL_ERROR, INVALID_TURN, MODEL_CALL_FAILED } from '../core/failures.ts';
import { shorten } from '../core/json.ts';
import type { Message } from '../core/conversation/messages.ts';
import { openingMessages } from '../core/turn/input.ts';

/** The messages that the turn begins with. Fails the run, instead of retrying its task for ever. */
export function checkArgs(args: unknown): Message[] {
  try {
    return openingMessages(args);
  } catch (error) {
    throw ApplicationFailure.nonRetryable(rootCause(error), INVALID_TURN);
  }
}

/** What the run fails with: the root cause, beside what was done before it. */
export async function turnFailure(
  error: unknown,
  progressOf: (failureType: string) => unknown,
): Promise<ApplicationFailure> {
  const cause = error instanceof ActivityFailure ? error.cause : error;
  const failure = cause instanceof ApplicationFailure ? cause : undefined;
  const type =
    failure?.type ?? (error instanceof ActivityFailure ? MODEL_CALL_FAILED : INTERNAL_ERROR);
  return ApplicationFailure.create({
    message: shorten(describe(error, cause), MAX_MESSAGE),
    type,
    nonRetryable: true,
    details: [await progressOf(type), ...(failure?.details ?? [])],
  });
}

/** The server does not take failures of some megabytes, and a person does not read them. */
const MAX_MESSAGE = 4_000;

function describe(error: unknown, cause: unknown): string {
  const text = rootCause(error) ?? String(error);
  if (!(cause instanceof TimeoutFailure)) return text;
  return `The model could not be asked: the workers that tried were lost or too slow (${text}).`;
}
