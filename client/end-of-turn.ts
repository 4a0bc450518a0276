import type { Client } from '@temporalio/client';
import { WorkflowFailedError } from '@temporalio/client';
import { ApplicationFailure } from '@temporalio/common';
import { isRecord } from '../core/json.ts';
import type { TurnResult } from '../core/turn/result.ts';
import { aboutServer, grpcStatus } from './temporal-errors.ts';

/** What the last event of a turn says, without its messages. A failed turn has no stop reason. */
export type TurnEnding = Partial<Pick<TurnResult, 'stopReason' | 'costUSD' | 'models' | 'calls'>> &
  Pick<TurnResult, 'rounds' | 'usage'>;

/**
 * Reads the last event of an ended turn: its result, or what it had done when it failed. `undefined` if there
 * is none that can be read here, as for a terminated turn, or a result in a storage that this client does not
 * have. Throws a `TemporalUnavailableError`.
 */
export async function endOfTurn(
  client: Client,
  turnId: string,
  runId?: string,
): Promise<TurnEnding | undefined> {
  try {
    return endingOf(await client.workflow.getHandle(turnId, runId).result());
  } catch (error) {
    const cause = error instanceof WorkflowFailedError ? error.cause : undefined;
    if (cause instanceof ApplicationFailure) return endingOf(cause.details?.[0]);
    if (grpcStatus(error) !== undefined) throw aboutServer(error, client.options.namespace);
    return undefined;
  }
}

function endingOf(value: unknown): TurnEnding | undefined {
  return isRecord(value) && isRecord(value['usage']) && typeof value['rounds'] === 'number'
    ? (value as unknown as TurnEnding)
    : undefined;
}
