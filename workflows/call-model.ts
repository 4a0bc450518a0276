import type { RetryPolicy } from '@temporalio/common';
import { scheduleActivity } from '@temporalio/workflow';
import type { ModelCall, ModelCallArgs } from '../activities/call-model.ts';
import type { PinnedAgent } from '../core/agent-spec.ts';
import { CALL_MODEL } from '../core/names.ts';
import type { TurnState } from '../core/turn-state.ts';

/**
 * Some twelve minutes of an overloaded API. The activity says when to try again where the API says
 * it, and ends the attempts where trying again cannot help.
 */
export const MODEL_RETRY: RetryPolicy = {
  initialInterval: '1s',
  backoffCoefficient: 2,
  maximumInterval: '60s',
  maximumAttempts: 18,
  nonRetryableErrorTypes: ['PayloadsTooLarge'],
};

/** Asks the model for its next reply, as an activity that is retried until the answer is final. */
export async function callModel(agent: PinnedAgent, state: TurnState): Promise<ModelCall> {
  const { segments, tail, tailBytes } = state.transcript;
  const round = state.rounds + 1;
  const args: ModelCallArgs = { agent: agent.name, spec: agent.spec, segments, tail, tailBytes };
  return await scheduleActivity<ModelCall>(CALL_MODEL, [args], {
    activityId: `model.${round}`,
    summary: `round ${round}`,
    // A long reply takes minutes; one that stalls is noticed by the activity itself, much earlier.
    startToCloseTimeout: '30m',
    heartbeatTimeout: '10s',
    // Nothing of a reply is kept before it is whole, so there is nothing to wait for.
    cancellationType: 'TRY_CANCEL',
    retry: MODEL_RETRY,
  });
}
