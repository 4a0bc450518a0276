import type { Client } from '@temporalio/client';
import { WorkflowFailedError } from '@temporalio/client';
import { ApplicationFailure } from '@temporalio/common';
import { isRecord } from '../core/json.ts';
import type { TurnResult } from '../core/turn/result.ts';
import { aboutServer, grpcStatus } from './temporal-errors.ts';

/** What the last event of a turn says of it, without its messages; no stop reason of one that failed. */
export type TurnEnding = Partial<Pick<TurnResult, 'stopReason' | 'costUSD' | 'models' | 'calls'>> &
  Pick<TurnResult, 'rounds' | 'usage'>;

/**
 * Reads the last event of a turn that has ended: its result, or what it had done when it failed.
 * `undefined` where there is none that can be read here, such as that of a terminated turn, or one in a
 * storage that this client does not have. Throws a `TemporalUnavailableError`.
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
