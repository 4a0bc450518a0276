import { activityInfo, Context } from '@temporalio/activity';
import { WorkflowFailedError } from '@temporalio/client';
import { ApplicationFailure, rootCause } from '@temporalio/common';
import { TURN_ID_IN_USE } from '../../core/failures.ts';
import type { AwaitedTurn } from '../../core/turn/protocol.ts';
import { keepAlive } from '../heartbeat.ts';
import { findWorkflow } from './find-workflow.ts';

export interface AwaitTurnArgs {
  turnId: string;
}

/**
 * Waits for the end of a sub-agent's turn that began before its calling turn was reset. Its heartbeats name
 * the turn, for clients that look for calls that wait for a person: the server knows it only as a child of
 * the run that was reset. For the same reason this cancels the turn when the calling turn is gone.
 */
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
  const beats = keepAlive(activity, 'call', () => ({ turnId }));
  beats.beat();
  try {
    const ending = turn.result().then(
      (result: unknown): AwaitedTurn => ({ type: 'ended', result }),
      (error: unknown) => endingOf(error),
    );
    return await Promise.race([ending, activity.cancelled]).catch(async (error: unknown) => {
      if (activity.cancellationDetails?.notFound === true && !(await callingTurnRuns())) {
        await turn.cancel();
      }
      if (activity.cancellationDetails?.cancelRequested !== true) throw error;
      // Cancelled, not terminated: then its calls are answered, and its result says what it has used.
      await turn.cancel();
      return await ending;
    });
  } finally {
    beats.stop();
  }
}

/** A calling turn that was reset again goes on in another run, which waits for the same turn. */
async function callingTurnRuns(): Promise<boolean> {
  const calling = activityInfo().workflowExecution?.workflowId ?? '';
  const { client } = Context.current();
  return (await findWorkflow(client, calling))?.status.name === 'RUNNING';
}

/** How a turn without a readable result has ended. Throws errors that say nothing about it. */
export function endingOf(error: unknown): AwaitedTurn {
  if (!(error instanceof WorkflowFailedError)) throw error;
  const message = rootCause(error.cause) ?? error.message;
  const { cause } = error;
  return cause instanceof ApplicationFailure
    ? { type: 'failed', message, progress: cause.details?.[0] }
    : { type: 'lost', message };
}
