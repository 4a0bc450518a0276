import { activityInfo, Context } from '@temporalio/activity';
import { WorkflowFailedError } from '@temporalio/client';
import { ApplicationFailure, rootCause } from '@temporalio/common';
import { TURN_ID_IN_USE } from '../../core/failures.ts';
import type { AwaitedTurn } from '../../core/turn/protocol.ts';

export interface AwaitTurnArgs {
  turnId: string;
}

const HEARTBEAT_MS = 8_000;

/** Waits for the end of a sub-agent's turn that began before its calling turn was reset. */
export async function awaitTurn({ turnId }: AwaitTurnArgs): Promise<AwaitedTurn> {
  const activity = Context.current();
  const turn = activity.client.workflow.getHandle(turnId);
  const { memo } = await turn.describe();
  if (memo?.['parentTurnId'] !== activityInfo().workflowExecution?.workflowId) {
    throw ApplicationFailure.nonRetryable(
      `The workflow ${turnId} exists already, and is not a turn that this turn has begun.`,
      TURN_ID_IN_USE,
    );
  }
  const beats = setInterval(() => activity.heartbeat(), HEARTBEAT_MS);
  try {
    const ending = turn.result().then(
      (result: unknown): AwaitedTurn => ({ type: 'ended', result }),
      (error: unknown) => endingOf(error),
    );
    return await Promise.race([ending, activity.cancelled]).catch(async (error: unknown) => {
      if (activity.cancellationDetails?.cancelRequested !== true) throw error;
      // Its calls are answered, and its result says what it has used up.
      await turn.cancel();
      return await ending;
    });
  } finally {
    clearInterval(beats);
  }
}

/** How a turn has ended whose result cannot be had. Throws what says nothing of that. */
export function endingOf(error: unknown): AwaitedTurn {
  if (!(error instanceof WorkflowFailedError)) throw error;
  const message = rootCause(error.cause) ?? error.message;
  const { cause } = error;
  return cause instanceof ApplicationFailure
    ? { type: 'failed', message, progress: cause.details?.[0] }
    : { type: 'lost', message };
}
