import { isCancellation } from '@temporalio/workflow';
import { answersAfterEnd } from '../core/calls/answers.ts';
import { toolCalls } from '../core/conversation/toolsets.ts';
import { replyFits } from '../core/turn/payload-room.ts';
import type { TurnState } from '../core/turn/state.ts';
import { commitOutput, commitResults } from '../core/turn/state.ts';
import type { StopReason } from '../core/turn/stop-reason.ts';
import type { ModelAnswer } from './ask-model.ts';
import { commitCall } from './commit-call.ts';

/**
 * Asks the model once more, with tools that it must not call. The turn has its reason to end already:
 * what goes wrong here changes nothing about it.
 */
export async function lastWord(
  state: TurnState,
  reason: StopReason,
  ask: () => Promise<ModelAnswer>,
): Promise<TurnState> {
  try {
    const answer = await ask();
    // The last word is asked for where the agent is known, and no fallback gives another one.
    if (answer.type !== 'reply') return state;
    const { reply, output, agent } = answer;
    const stored = agent.spec.type === 'stored';
    if (!replyFits(state, reply, stored, output)) return state;
    const replied = commitCall(state, answer);
    const calls = reply.stopReason === 'refusal' ? [] : toolCalls(reply.content);
    const skipped = answersAfterEnd(calls, reason, Date.now());
    return commitResults(commitOutput(replied, output), calls, skipped, stored);
  } catch (error) {
    if (isCancellation(error)) throw error;
    return state;
  }
}
