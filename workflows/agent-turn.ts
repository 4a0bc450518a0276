import {
  CancellationScope,
  isCancellation,
  setCurrentDetails,
  workflowInfo,
} from '@temporalio/workflow';
import { toolUses } from '../core/messages.ts';
import { HISTORY_FULL, isHistoryFull, NO_STORAGE, replyFits } from '../core/turn-limits.ts';
import {
  beginTurn,
  commitReply,
  commitResults,
  hasOutgrown,
  nextStep,
  skippedCalls,
  turnResult,
} from '../core/turn-state.ts';
import type { StopReason, TurnArgs, TurnResult } from '../core/turn.ts';
import { callModel } from './call-model.ts';
import { checkArgs, checkFits, turnFailure } from './turn-failure.ts';
import { dispatchTools } from './dispatch-tools.ts';
import { loadAgent } from './load-agent.ts';
import { readTranscript } from './read-transcript.ts';

/**
 * One turn of an agent: ask the model, run every tool call of its reply at once, give it all the
 * results in one message, and repeat until it stops.
 *
 * Completes with a `TurnResult`, also when it was cancelled, refused or ran out of rounds. Fails
 * only when there is no such agent or the model cannot be asked; the failure's details then hold
 * the result so far.
 */
export async function agentTurn(args: TurnArgs): Promise<TurnResult> {
  let state = beginTurn(checkArgs(args));
  const finish = async (reason: StopReason, details?: unknown): Promise<TurnResult> =>
    turnResult(args.agent, state, await readTranscript(state.transcript), { reason, details });

  try {
    const agent = await loadAgent(args);
    const stored = agent.spec.type === 'stored';
    checkFits(state, stored);

    for (;;) {
      setCurrentDetails(`Round ${state.rounds + 1}: waiting for the model`);
      const { reply, prepared, segments } = await callModel(agent, state);
      if (!replyFits(state, reply, stored)) return await finish('turn_too_large', NO_STORAGE);

      const calls = reply.stopReason === 'refusal' ? [] : toolUses(reply.content);
      let step = nextStep(reply, state.rounds + 1, agent.limits.rounds);
      if (step.type !== 'stop' && isHistoryFull(workflowInfo(), calls.length)) step = HISTORY_FULL;
      state = commitReply(state, reply, segments);
      if (step.type === 'stop') {
        // Whoever continues this conversation must find every call answered.
        const skipped = skippedCalls(calls, step.reason, Date.now());
        state = commitResults(state, calls, skipped, stored);
        return await finish(step.reason, step.details);
      }
      if (step.type === 'run tools') {
        const names = calls.map(({ name }) => name).join(', ');
        setCurrentDetails(`Round ${state.rounds}: waiting for ${names}`);
        const { context } = args;
        const settled = await dispatchTools({
          agent,
          round: state.rounds,
          calls,
          prepared,
          context,
        });
        state = commitResults(state, calls, settled, stored);
      }
      if (CancellationScope.current().consideredCancelled) return await finish('cancelled');
      if (hasOutgrown(state, stored)) return await finish('turn_too_large', NO_STORAGE);
    }
  } catch (error) {
    if (isCancellation(error)) return await finish('cancelled');
    throw await turnFailure(error, args.agent, state);
  }
}
