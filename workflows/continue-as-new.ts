import { CancellationScope, ContinueAsNew, continueAsNew } from '@temporalio/workflow';
import { references } from '../core/conversation/transcript.ts';
import type { EveryField } from '../core/json.ts';
import { defined } from '../core/json.ts';
import type { ContinuedTurn, TurnBeginning } from '../core/turn/beginning.ts';
import type { ContinueAsNew as ContinueStep, NextStep } from '../core/turn/decide.ts';
import { withoutNewRun } from '../core/turn/decide.ts';
import type { TurnArgs } from '../core/turn/input.ts';
import { fitsPayload, roomOf } from '../core/turn/payload-room.ts';
import type { Turn } from './turn.ts';
import { allAnswered } from './updates.ts';
import { writeTrace } from './write-trace.ts';

type RunArgs = [args: TurnArgs, beginning: TurnBeginning];

/**
 * Continues in a new run with an empty history. Returns only if this run has to go on: it was cancelled, or
 * what the turn remembers does not fit into the arguments of another run.
 */
export async function continueInNewRun(turn: Turn, step: ContinueStep): Promise<NextStep> {
  // First, because a Signal or an Update that comes meanwhile must not be lost.
  await writeTrace(turn);
  await allAnswered();
  const { state } = turn;
  // The new run would not know that this one was cancelled.
  if (CancellationScope.current().consideredCancelled)
    return turn.commit({ state, next: step.next });
  const args = carriedArgs(turn, step);
  if (fitsPayload(roomOf(step.agent), args)) {
    return await continueAsNew<(...args: RunArgs) => Promise<never>>(...args);
  }
  return turn.commit({ state, next: withoutNewRun(step, turn.now()) });
}

/** `continueInNewRun` ends the run by throwing this, which is not an error. */
export function isContinuing(error: unknown): boolean {
  return error instanceof ContinueAsNew;
}

function carriedArgs(
  { args, state, caller, levels, begunAt, seen, trace }: Turn,
  step: ContinueStep,
): RunArgs {
  const { agent, next } = step;
  const carried: EveryField<ContinuedTurn> = {
    state: { ...state, transcript: references(state.transcript) },
    agent,
    ofSession: caller === 'session',
    begunAt,
    seen: seen.list,
    levels: Number.isFinite(levels) ? levels : undefined,
    traced: trace.isOn ? true : undefined,
    prepared: next.type === 'run tools' ? [...next.prepared] : undefined,
  };
  // Without the input: the conversation holds it, and both together may not fit.
  return [
    { ...args, input: [] },
    { type: 'continued', ...defined(carried) },
  ];
}
