import type { Client } from '@temporalio/client';
import type {
  SessionTurnProgress,
  SessionTurnResult,
  SubAgentTurnProgress,
  SubAgentTurnResult,
  TurnProgress,
  TurnResult,
} from '../core/turn/result.ts';
import { isSessionProgress } from '../core/turn/result.ts';
import { turnState } from './ask-turn.ts';
import { readMessages, withFiles } from './client-storage.ts';
import { TurnFailedError } from './errors.ts';

/** What the workflow of a turn returns. */
export type EndedTurn = TurnResult | SessionTurnResult | SubAgentTurnResult;

/**
 * The result with its messages. A session's turn returns only where its messages are, so that no history
 * grows with the conversation; a sub-agent's turn is asked for them.
 */
export async function wholeResult(
  client: Client,
  turnId: string,
  result: EndedTurn,
): Promise<TurnResult> {
  if ('end' in result) return await withMessages(client, result);
  if ('messages' in result)
    return { ...result, messages: await withFiles(client, result.messages) };
  const { toolCalls: _, ...ended } = result;
  return { ...ended, ...(await withMessages(client, await turnState(client, turnId))) };
}

/** The same failure, with the messages of its progress. */
export async function wholeFailure(
  client: Client,
  failure: TurnFailedError,
): Promise<TurnFailedError> {
  const { turnId, message, type, model, cause } = failure;
  const progress = failure.progress as AnyProgress | undefined;
  if (progress === undefined) return failure;
  const whole = await wholeProgress(client, turnId, progress);
  return new TurnFailedError(turnId, message, { type, progress: whole, model, cause });
}

type AnyProgress = TurnProgress | SessionTurnProgress | SubAgentTurnProgress;

/** If the storage or a worker fails here, the error must still say why the turn failed. */
async function wholeProgress(
  client: Client,
  turnId: string,
  progress: AnyProgress,
): Promise<TurnProgress> {
  if (isSessionProgress(progress)) {
    return await withMessages(client, progress).catch(() => ({
      ...progress,
      messages: progress.end.transcript.tail,
    }));
  }
  if ('messages' in progress) {
    const messages = await withFiles(client, progress.messages).catch(() => progress.messages);
    return { ...progress, messages };
  }
  const { toolCalls: _, calls = [], ...rest } = progress;
  return await turnState(client, turnId)
    .then((state) => withMessages(client, state))
    .catch(() => ({ ...rest, calls, messages: [] }));
}

async function withMessages<Progress extends SessionTurnProgress>(
  client: Client,
  { end, ...rest }: Progress,
) {
  const messages = await readMessages(client, end.transcript, { from: end.before });
  return { ...rest, messages };
}
