import type { NextStep } from './decide.ts';
import type { TurnState } from './state.ts';

// What the Temporal UI shows a turn to be waiting for. One that waits for days must not look as if it
// hung.

/** `undefined` for a step that waits for nothing outside. */
export function waitingFor({ rounds }: TurnState, next: NextStep): string | undefined {
  switch (next.type) {
    case 'ask model':
      return `Round ${rounds + 1}: waiting for the model`;
    case 'run tools':
      return `Round ${rounds}: waiting for ${next.calls.map(({ name }) => name).join(', ')}`;
    case 'last word':
      return `Round ${rounds + 1}: waiting for the model's last word`;
    case 'continue as new':
    case 'stop':
      return undefined;
  }
}

/**
 * @param undecided names of the tools whose calls wait for a person
 * @param open calls that have not settled, those included
 */
export function waitingForCalls(round: number, undecided: readonly string[], open: number): string {
  const people = undecided.length === 0 ? [] : [`a person to decide about ${undecided.join(', ')}`];
  const running = open - undecided.length;
  const others =
    running > 0 ? [`${running} running or held ${running === 1 ? 'call' : 'calls'}`] : [];
  return `Round ${round}: waiting for ${[...people, ...others].join(' and ') || 'nothing'}`;
}
