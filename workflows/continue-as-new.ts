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
 * Goes on in a new run, with an empty history. Returns only where this run has to go on: somebody has
 * cancelled it, or what the turn remembers does not fit into the arguments of another one.
 */
export async function continueInNewRun(turn: Turn, step: ContinueStep): Promise<NextStep> {
  // First: a Signal or an Update that comes meanwhile must not be lost.
  await writeTrace(turn);
  await allAnswered();
  const { state } = turn;
  // The new run would know nothing of a cancel.
  if (CancellationScope.current().consideredCancelled)
    return turn.commit({ state, next: step.next });
  const args = carriedArgs(turn, step);
  if (fitsPayload(roomOf(step.agent), args)) {
    return await continueAsNew<(...args: RunArgs) => Promise<never>>(...args);
  }
  return turn.commit({ state, next: withoutNewRun(step, turn.now()) });
}

/** What `continueInNewRun` throws ends the run, and is not an error. */
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
  // The input stands in the conversation, and the two together may not fit.
  return [
    { ...args, input: [] },
    { type: 'continued', ...defined(carried) },
  ];
}
