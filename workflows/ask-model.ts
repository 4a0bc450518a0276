import { isCancellation, scheduleActivity } from '@temporalio/workflow';
import type { ModelCallArgs, RecordedModelCall } from '../core/conversation/model-call.ts';
import { modelAnswer } from '../core/conversation/model-call.ts';
import { defined } from '../core/json.ts';
import { CALL_MODEL } from '../core/names.ts';
import { lastOutcomes } from '../core/turn/state.ts';
import { committedBy, runningInBackground } from '../core/turn/background.ts';
import { remaining } from '../core/turn/budget.ts';
import type { ModelAnswer } from '../core/turn/decide.ts';
import { budgetOf } from '../core/turn/decide.ts';
import { modelReplied } from '../core/turn/events.ts';
import { addModelTime } from '../core/turn/timing.ts';
import { MODEL_RETRY } from './retry.ts';
import type { Turn } from './turn.ts';

/**
 * Asks the model for its next reply, as an activity that is retried until the answer is final. The
 * turn's first call pins the agent and returns it with the reply, or instead of one where the model
 * calls of the agent have a task queue of their own.
 */
export function askModel(
  turn: Turn,
  { lastWord = false }: { lastWord?: boolean } = {},
): Promise<ModelAnswer> {
  const { agent: pinned, state } = turn;
  const round = state.rounds + 1;
  const start = Date.now();
  return scheduleActivity<RecordedModelCall>(CALL_MODEL, [modelCallArgs(turn, lastWord)], {
    activityId: `model.${round}`,
    summary: `round ${round}`,
    ...defined({ taskQueue: pinned?.modelTaskQueue }),
    // A long reply takes minutes; one that stalls is noticed by the activity itself, much earlier.
    startToCloseTimeout: '30m',
    // All attempts together.
    ...defined({ scheduleToCloseTimeout: turn.time?.left }),
    heartbeatTimeout: '10s',
    // Nothing of a reply is kept before it is whole, so a cancelled request needs no waiting.
    cancellationType: 'TRY_CANCEL',
    retry: MODEL_RETRY,
  }).then(
    (result) => {
      addTime(turn, start);
      const answer = modelAnswer(result);
      const agent = pinned ?? answer.pinned;
      if (agent === undefined) throw new Error('the first model call returned no agent');
      turn.agent = agent;
      if (answer.type !== 'pinned') {
        turn.trace.add(answer.chats);
        turn.report(modelReplied(turn.state, answer, agent, Date.now() - start));
      }
      return { ...answer, agent };
    },
    (error: unknown) => {
      addTime(turn, start);
      throw error;
    },
  );
}

function addTime(turn: Turn, start: number): void {
  const times = addModelTime(turn.state.times, { start, end: Date.now() });
  turn.state = { ...turn.state, times };
}

/** Asks once more, with tools that the model must not call. `undefined` if it cannot be asked. */
export async function askLastWord(turn: Turn): Promise<ModelAnswer | undefined> {
  try {
    return await askModel(turn, { lastWord: true });
  } catch (error) {
    if (isCancellation(error)) throw error;
    return undefined;
  }
}

function modelCallArgs(turn: Turn, lastWord: boolean): ModelCallArgs {
  const { args, state, agent, begunAt, owner, trace } = turn;
  const { agent: name, context, limits, output, stream } = args;
  const { transcript, rounds, container, fallback } = state;
  const { segments, tail, tailBytes } = transcript;
  const background = runningInBackground(state).map(({ callId }) => callId);
  return {
    agent: name,
    ...(agent === undefined
      ? { begun: { at: begunAt, ...defined({ limits }) } }
      : { spec: agent.spec }),
    ...defined({ model: fallback?.model, output }),
    ...(lastWord ? { lastWord: true } : { early: earlyCalls(turn) }),
    ...(rounds === 0 ? { first: true } : {}),
    ...defined({ container, context, stream, trace: trace.from }),
    ...owner,
    segments,
    tail,
    tailBytes,
    ...defined({ outcomes: lastOutcomes(state) }),
    ...(background.length === 0 ? {} : { background }),
  };
}

function earlyCalls({ args, state, agent }: Turn): NonNullable<ModelCallArgs['early']> {
  const round = state.rounds + 1;
  if (agent === undefined) return { round };
  const left = remaining(budgetOf(args, agent), committedBy(state, 0));
  return { round, limits: { left, concurrency: agent.limits.concurrency } };
}
