import { ContinueAsNew, continueAsNew } from '@temporalio/workflow';
import type { ContinuedTurn, TurnBeginning } from '../core/turn/beginning.ts';
import { references } from '../core/conversation/transcript.ts';
import type { TurnArgs } from '../core/turn/input.ts';

type RunArgs = [args: TurnArgs, beginning: TurnBeginning];

/** What the next run of the turn is started with. */
export function continuedArgs(args: TurnArgs, turn: ContinuedTurn): RunArgs {
  const { state } = turn;
  const carried = { ...state, transcript: references(state.transcript) };
  // The input stands in the conversation, and the two together may not fit.
  return [
    { ...args, input: [] },
    { type: 'continued', ...turn, state: carried },
  ];
}

/** Ends this run and goes on in a new one, with an empty history. */
export async function continueTurn(args: RunArgs): Promise<never> {
  return await continueAsNew<(...args: RunArgs) => Promise<unknown>>(...args);
}

export function isContinuing(error: unknown): boolean {
  return error instanceof ContinueAsNew;
}
