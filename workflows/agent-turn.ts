import {
  allHandlersFinished,
  CancellationScope,
  condition,
  isCancellation,
  setCurrentDetails,
  workflowInfo,
} from '@temporalio/workflow';
import type { PinnedAgent } from '../core/agent-spec.ts';
import { findFailure } from '../core/batch-policy.ts';
import { toolUses } from '../core/messages.ts';
import {
  contextBytes,
  HISTORY_FULL,
  isHistoryFull,
  maxTextBytes,
  NO_STORAGE,
  replyFits,
} from '../core/turn-limits.ts';
import {
  beginTurn,
  commitReply,
  commitResults,
  hasOutgrown,
  nextStep,
  skippedCalls,
  turnResult,
} from '../core/turn-state.ts';
import { allMessages } from '../core/transcript.ts';
import type { StopReason, TurnArgs, TurnResult } from '../core/turn.ts';
import { Approvals } from './approvals.ts';
import { callModel } from './call-model.ts';
import { Completions } from './completions.ts';
import { dispatchTools } from './dispatch-tools.ts';
import { readTranscript } from './read-transcript.ts';
import { checkArgs, turnFailure } from './turn-failure.ts';

/**
 * One turn of an agent: ask the model, run every tool call of its reply at once, give it all the
 * results in one message, and repeat until it stops.
 *
 * Completes with a `TurnResult`, also when it was cancelled, refused or ran out of rounds. Fails
 * only when there is no such agent or the model cannot be asked; the failure's details then hold
 * the result so far.
 */
export async function agentTurn(args: TurnArgs): Promise<TurnResult> {
  const rooms = { approvals: new Approvals(), completions: new Completions() };
  let state = beginTurn(checkArgs(args));
  let agent: PinnedAgent | undefined;
  const finish = async (reason: StopReason, details?: unknown): Promise<TurnResult> => {
    const messages = allMessages(state.transcript) ?? (await readTranscript(state.transcript));
    // An Update that is still being answered would fail with the end of the run.
    if (!allHandlersFinished()) {
      await CancellationScope.nonCancellable(() => condition(allHandlersFinished));
    }
    return turnResult(args.agent, state, messages, { reason, details });
  };

  try {
    for (;;) {
      setCurrentDetails(`Round ${state.rounds + 1}: waiting for the model`);
      const answer = await callModel(args, state, agent);
      const { reply, prepared, segments } = answer;
      agent = answer.agent;
      const stored = agent.spec.type === 'stored';
      if (!replyFits(state, reply, stored)) return await finish('turn_too_large', NO_STORAGE);

      const calls = reply.stopReason === 'refusal' ? [] : toolUses(reply.content);
      let step = nextStep(reply, state.rounds + 1, agent.limits.rounds);
      const carried = contextBytes(args.context, stored);
      if (step.type !== 'stop' && isHistoryFull(workflowInfo(), calls.length, carried)) {
        step = HISTORY_FULL;
      }
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
        const policy = { ...agent.batch, ...given(args) };
        const batch = {
          agent,
          policy,
          round: state.rounds,
          calls,
          prepared,
          context: args.context,
          maxTextBytes: maxTextBytes(state, calls, stored),
          stored: state.stored,
        };
        const settled = await dispatchTools(batch, rooms);
        state = commitResults(state, calls, settled, stored);
        const failure = policy.onToolFailure === 'failTurn' ? findFailure(settled) : undefined;
        if (failure !== undefined && !CancellationScope.current().consideredCancelled) {
          return await finish('tool_failure', state.calls.at(failure - calls.length));
        }
      }
      if (CancellationScope.current().consideredCancelled) return await finish('cancelled');
      if (hasOutgrown(state, stored)) return await finish('turn_too_large', NO_STORAGE);
    }
  } catch (error) {
    if (isCancellation(error)) return await finish('cancelled');
    throw await turnFailure(error, args.agent, state);
  }
}

function given({ onToolFailure, batchTimeout }: TurnArgs) {
  return {
    ...(onToolFailure === undefined ? {} : { onToolFailure }),
    ...(batchTimeout === undefined ? {} : { batchTimeout }),
  };
}
