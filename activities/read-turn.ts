import { Context } from '@temporalio/activity';
import { WorkflowNotFoundError } from '@temporalio/client';
import { ApplicationFailure } from '@temporalio/common';
import { TURN_GONE } from '../core/failures.ts';
import type { SessionTurnProgress } from '../core/turn-beginning.ts';
import { TURN_STATE_QUERY } from '../core/turn-messages.ts';

export interface ReadTurnArgs {
  turnId: string;
}

/** What a turn has done that was terminated or timed out. A Query on a closed run still answers. */
export async function readTurn({ turnId }: ReadTurnArgs): Promise<SessionTurnProgress> {
  const turn = Context.current().client.workflow.getHandle(turnId);
  try {
    return await turn.query<SessionTurnProgress>(TURN_STATE_QUERY);
  } catch (error) {
    // Deleted: asking again for minutes, while the user waits, does not bring it back.
    if (!(error instanceof WorkflowNotFoundError)) throw error;
    throw ApplicationFailure.nonRetryable(`There is no turn ${turnId} any more.`, TURN_GONE);
  }
}
