import { Context } from '@temporalio/activity';
import type { WorkflowHandle } from '@temporalio/client';
import { WorkflowNotFoundError } from '@temporalio/client';
import { ApplicationFailure } from '@temporalio/common';
import { TURN_GONE } from '../../core/failures.ts';
import { TURN_STATE_QUERY } from '../../core/turn/protocol.ts';
import type { SessionTurnProgress } from '../../core/turn/result.ts';
import { sessionTurnProgress } from '../../core/turn/result.ts';
import { beginTurn } from '../../core/turn/state.ts';

export interface ReadTurnArgs {
  turnId: string;
}

/** What a terminated or timed-out turn has done. A closed run still answers a Query. */
export async function readTurn({ turnId }: ReadTurnArgs): Promise<SessionTurnProgress> {
  const turn = Context.current().client.workflow.getHandle(turnId);
  try {
    return await turn.query<SessionTurnProgress>(TURN_STATE_QUERY);
  } catch (error) {
    // Deleted: another attempt would not find it either, and a user is waiting.
    if (error instanceof WorkflowNotFoundError) {
      throw ApplicationFailure.nonRetryable(
        `The turn ${turnId} does not exist any more.`,
        TURN_GONE,
      );
    }
    if (await hasBegun(turn)) throw error;
    return sessionTurnProgress('', beginTurn([]), undefined, 0);
  }
}

/** A run that ended before any worker had it answers no Query, and has done nothing. */
async function hasBegun(turn: WorkflowHandle): Promise<boolean> {
  const { events } = await turn.fetchHistory();
  return (events ?? []).some(
    ({ workflowTaskCompletedEventAttributes: completed }) => completed != null,
  );
}
