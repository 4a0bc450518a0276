import type { Client } from '@temporalio/client';
import { textProblem } from '../core/arguments.ts';
import type { CallToken } from '../core/calls/token.ts';
import { decodeCallToken, InvalidCallTokenError } from '../core/calls/token.ts';
import type { Completion, CompletionResult } from '../core/turn/protocol.ts';
import { COMPLETE_CALL_UPDATE } from '../core/turn/protocol.ts';
import { turnUpdate, updateTurn } from './ask-turn.ts';
import { CompletionRejectedError, TurnNotFoundError } from './errors.ts';

/** Completes the call of a token. Throws a `CompletionRejectedError` if the turn rejects that. */
export async function completeCall(
  client: Client,
  token: string,
  result: CompletionResult,
): Promise<void> {
  const { turnId, callId, key } = decode(token);
  if (result.type === 'failed' && (typeof result.message !== 'string' || !result.message.trim())) {
    throw new TypeError(
      `Call ${callId} of turn ${turnId} was not completed: the message must say why it failed. The model reads it.`,
    );
  }
  const completion: Completion = { callId, key, result };
  const update = turnUpdate(COMPLETE_CALL_UPDATE, callId, completion);
  const rejected = (reason: string, cause?: Error): CompletionRejectedError =>
    new CompletionRejectedError({ turnId, callId }, reason, { cause });
  try {
    const rejection = await updateTurn(client, turnId, update);
    if (rejection !== undefined) throw rejected(rejection.reason, rejection.cause);
  } catch (error) {
    // The caller has only a token and knows of no turn: one error covers both.
    if (error instanceof TurnNotFoundError) throw rejected(error.message, error);
    throw error;
  }
}

function decode(token: unknown): CallToken {
  const problem = textProblem('token', token, Number.POSITIVE_INFINITY);
  if (problem !== undefined) throw new CompletionRejectedError(undefined, `${problem}.`);
  try {
    return decodeCallToken(token);
  } catch (error) {
    if (!(error instanceof InvalidCallTokenError)) throw error;
    throw new CompletionRejectedError(undefined, error.message, { cause: error });
  }
}
