import { ContinueAsNew, continueAsNew } from '@temporalio/workflow';
import type { ContinuedTurn, TurnBeginning } from '../core/turn-beginning.ts';
import { references } from '../core/transcript.ts';
import type { TurnArgs } from '../core/turn.ts';

/** Ends this run and goes on in a new one, with an empty history. */
export async function continueTurn(args: TurnArgs, turn: ContinuedTurn): Promise<never> {
  const { state } = turn;
  const carried = { ...state, transcript: references(state.transcript) };
  return await continueAsNew<(args: TurnArgs, beginning: TurnBeginning) => Promise<unknown>>(args, {
    type: 'continued',
    ...turn,
    state: carried,
  });
}

export function isContinuing(error: unknown): boolean {
  return error instanceof ContinueAsNew;
}
