import { activityInfo, Context } from '@temporalio/activity';
import { ApplicationFailure } from '@temporalio/common';
import { TURN_ID_IN_USE, TURN_STILL_RUNS } from '../../core/failures.ts';

export interface CancelTurnArgs {
  turnId: string;
}

/**
 * Cancels a turn that its session no longer knows, because the session was reset to before the turn began.
 * Fails until the turn has ended.
 */
export async function cancelTurn({ turnId }: CancelTurnArgs): Promise<void> {
  const turn = Context.current().client.workflow.getHandle(turnId);
  const { status, memo } = await turn.describe();
  if (status.name !== 'RUNNING') return;
  if (memo?.['sessionId'] !== activityInfo().workflowExecution?.workflowId) {
    const message = `The workflow ${turnId} runs already, and is not a turn of this session.`;
    throw ApplicationFailure.nonRetryable(message, TURN_ID_IN_USE);
  }
  await turn.cancel();
  throw ApplicationFailure.retryable(`Turn ${turnId} has not ended yet.`, TURN_STILL_RUNS);
}
