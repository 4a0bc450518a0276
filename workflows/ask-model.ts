import { defined } from '../core/json.ts';
import type { RetryPolicy } from '@temporalio/common';
import { scheduleActivity } from '@temporalio/workflow';
import type { PinnedAgent } from '../core/agent-spec.ts';
import { begunAt } from './turn-time.ts';
import type {
  ModelCallArgs,
  ModelCallResult,
  RecordedModelCall,
} from '../core/conversation/model-call.ts';
import { modelAnswer } from '../core/conversation/model-call.ts';
import { CALL_MODEL } from '../core/names.ts';
import type { TurnState } from '../core/turn/state.ts';
import type { TurnArgs } from '../core/turn/input.ts';

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

export interface ModelCallOptions {
  /** Until the turn's time is up, in milliseconds. */
  timeLeft?: number | undefined;
  /** The model is not to call tools. */
  lastWord?: boolean;
}

export type ModelAnswer = ModelCallResult & { agent: PinnedAgent };

/**
 * Asks the model for its next reply, as an activity that is retried until the answer is final. The
 * turn's first call pins the agent and returns it with the reply, or instead of one where the model
 * calls of the agent have a task queue of their own.
 */
export function callModel(
  { agent: name, context, limits, output }: TurnArgs,
  { transcript, rounds, container, fallback }: TurnState,
  pinned: PinnedAgent | undefined,
  { timeLeft, lastWord = false }: ModelCallOptions = {},
): Promise<ModelAnswer> {
  const { segments, tail, tailBytes } = transcript;
  const round = rounds + 1;
  const args: ModelCallArgs = {
    agent: name,
    ...(pinned === undefined
      ? { begun: { at: begunAt(), ...defined({ limits }) } }
      : { spec: pinned.spec }),
    ...(fallback === undefined ? {} : { model: fallback.model }),
    ...defined({ output }),
    ...(lastWord ? { lastWord: true } : {}),
    ...(rounds === 0 ? { first: true } : {}),
    ...defined({ container, context }),
    segments,
    tail,
    tailBytes,
  };
  return scheduleActivity<RecordedModelCall>(CALL_MODEL, [args], {
    activityId: `model.${round}`,
    summary: `round ${round}`,
    ...defined({ taskQueue: pinned?.modelTaskQueue }),
    // A long reply takes minutes; one that stalls is noticed by the activity itself, much earlier.
    startToCloseTimeout: '30m',
    // All attempts together.
    ...defined({ scheduleToCloseTimeout: timeLeft }),
    heartbeatTimeout: '10s',
    // Nothing of a reply is kept before it is whole, so there is nothing to wait for.
    cancellationType: 'TRY_CANCEL',
    retry: MODEL_RETRY,
  }).then((recorded) => {
    const call = modelAnswer(recorded);
    const agent = pinned ?? call.pinned;
    if (agent === undefined) throw new Error('the first model call returned no agent');
    return { ...call, agent };
  });
}
