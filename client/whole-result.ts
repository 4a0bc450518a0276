import type { Client } from '@temporalio/client';
import type { SessionTurnProgress, SessionTurnResult } from '../core/turn/result.ts';
import { isSessionProgress } from '../core/turn/result.ts';
import type { TurnProgress, TurnResult } from '../core/turn/result.ts';
import { TurnFailedError } from './errors.ts';
import { withFiles } from './files.ts';
import { readMessages } from './read-messages.ts';

// A turn of a session returns where its messages lie, so that neither its history nor that of the
// session grows with the conversation.

/** The result with its messages. */
export async function wholeResult(
  client: Client,
  result: TurnResult | SessionTurnResult,
): Promise<TurnResult> {
  if ('end' in result) return await withMessages(client, result);
  return { ...result, messages: await withFiles(client, result.messages) };
}

/** The same failure, whose progress has its messages. */
export async function wholeFailure(
  client: Client,
  failure: TurnFailedError,
): Promise<TurnFailedError> {
  const { turnId, message, type, progress, model, cause } = failure;
  if (progress === undefined) return failure;
  // What the storage does not give must not hide why the turn failed.
  const whole: TurnProgress = isSessionProgress(progress)
    ? await withMessages<SessionTurnProgress>(client, progress).catch(() => ({
        ...progress,
        messages: progress.end.transcript.tail,
      }))
    : {
        ...progress,
        messages: await withFiles(client, progress.messages).catch(() => progress.messages),
      };
  return new TurnFailedError(turnId, message, { type, progress: whole, model, cause });
}

async function withMessages<Progress extends SessionTurnProgress>(
  client: Client,
  { end, ...rest }: Progress,
) {
  const messages = await readMessages(client, end.transcript, { from: end.before });
  return { ...rest, messages };
}
