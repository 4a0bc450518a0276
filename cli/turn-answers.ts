import type { Client } from '@temporalio/client';
import { queryTurn } from '../client/ask-turn.ts';
import { endOfTurn } from '../client/end-of-turn.ts';
import { TurnNotFoundError, WorkerUnavailableError } from '../client/errors.ts';
import type { TurnStatus } from '../client/follow/events.ts';
import type { ApprovalRequest } from '../core/turn/protocol.ts';
import { APPROVALS_QUERY, TURN_STATE_QUERY } from '../core/turn/protocol.ts';
import type { SessionTurnProgress, TurnProgress } from '../core/turn/result.ts';

// What only a worker knows of a running turn. Without one, what history says can still be shown.

/** How long a worker may take to answer. */
const ANSWER_MS = 3_000;

/** What a turn has used; `undefined` if that is not known. */
export async function spentBy(
  client: Client,
  turnId: string,
  status: TurnStatus,
): Promise<Pick<TurnProgress, 'usage' | 'costUSD'> | undefined> {
  return status === 'running'
    ? await askTurn<SessionTurnProgress>(client, turnId, TURN_STATE_QUERY)
    : await endOfTurn(client, turnId);
}

/** The calls that wait for a person, with their inputs and deadlines; `undefined` if no worker answers. */
export async function waitingRequests(
  client: Client,
  turnId: string,
): Promise<ApprovalRequest[] | undefined> {
  return await askTurn<ApprovalRequest[]>(client, turnId, APPROVALS_QUERY);
}

async function askTurn<Answer>(
  client: Client,
  turnId: string,
  query: string,
): Promise<Answer | undefined> {
  try {
    return (await queryTurn(client, turnId, query, ANSWER_MS)) as Answer | undefined;
  } catch (error) {
    if (error instanceof WorkerUnavailableError || error instanceof TurnNotFoundError) {
      return undefined;
    }
    throw error;
  }
}
