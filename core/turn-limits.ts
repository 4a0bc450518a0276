import type { NextStep } from './turn-state.ts';

// The server terminates a run at 51,200 events or 50 MB of history, without a word to the workflow.
// A turn ends validly before that.
const MAX_EVENTS = 50_000;
const MAX_BYTES = 40_000_000;

/** A call that is scheduled, started and settled, with a workflow task of its own. */
const EVENTS_PER_CALL = 6;

/** Whether history has no room for another round with so many calls. */
export function isHistoryFull(
  history: { historyLength: number; historySize: number },
  calls: number,
): boolean {
  return (
    history.historyLength + EVENTS_PER_CALL * calls > MAX_EVENTS || history.historySize > MAX_BYTES
  );
}

export const HISTORY_FULL: NextStep = {
  type: 'stop',
  reason: 'turn_too_large',
  details:
    'The history of this turn has reached what Temporal can hold. Continue with a new turn from its messages.',
};

export const NO_STORAGE =
  'The conversation no longer fits into one payload. Give the worker and the client a `storage`.';
