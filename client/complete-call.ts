import type { Client } from '@temporalio/client';
import type { CallToken } from '../core/calls/token.ts';
import { decodeCallToken, InvalidCallTokenError } from '../core/calls/token.ts';
import type { Completion, CompletionResult } from '../core/turn/protocol.ts';
import { COMPLETE_CALL_UPDATE } from '../core/turn/protocol.ts';
import { turnUpdate, updateTurn } from './ask-turn.ts';
import { CompletionRejectedError, TurnNotFoundError } from './errors.ts';

/** Ends the call of a token. Throws a `CompletionRejectedError` when that is not taken. */
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
  const refused = (reason: string, cause?: Error): CompletionRejectedError =>
    new CompletionRejectedError({ turnId, callId, reason }, { cause });
  try {
    const refusal = await updateTurn(client, turnId, update);
    if (refusal !== undefined) throw refused(refusal.reason, refusal.cause);
  } catch (error) {
    // To whoever holds a token it is all one why it is good for nothing.
    if (error instanceof TurnNotFoundError) throw refused(error.message, error);
    throw error;
  }
}

function decode(token: string): CallToken {
  try {
    return decodeCallToken(token);
  } catch (error) {
    if (!(error instanceof InvalidCallTokenError)) throw error;
    throw new CompletionRejectedError({ reason: error.message }, { cause: error });
  }
}
