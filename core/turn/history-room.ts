// What the history of one run may hold. The server terminates a run at 51,200 events or 50 MB, without
// a word to the workflow.
const MAX_EVENTS = 50_000;
const MAX_BYTES = 40_000_000;

/** A call that is scheduled, started and settled, with a workflow task of its own. */
const EVENTS_PER_CALL = 6;

/** A run is not given up for a new one before it has done something. */
const MIN_EVENTS = 20;

/** What Temporal reports of the run. */
export interface RunHistory {
  historyLength: number;
  historySize: number;
  continueAsNewSuggested: boolean;
}

/** What the next batch adds to the history, and the agent's own limit where it has one. */
export interface NextBatch {
  calls: number;
  bytesPerCall: number;
  maxEvents?: number;
}

/** Whether no history at all could hold a batch of so many calls, each of which carries so much. */
export function isTooWide(calls: number, bytesPerCall = 0): boolean {
  return EVENTS_PER_CALL * calls > MAX_EVENTS || bytesPerCall * calls > MAX_BYTES;
}

/** Whether the turn should go on in a new run before it dispatches the batch. */
export function shouldContinueAsNew(history: RunHistory, batch: NextBatch): boolean {
  const { historyLength, continueAsNewSuggested } = history;
  const { calls, maxEvents = MAX_EVENTS } = batch;
  if (historyLength < MIN_EVENTS) return false;
  const events = historyLength + EVENTS_PER_CALL * calls;
  return continueAsNewSuggested || events > maxEvents || isHistoryFull(history, batch);
}

/** Whether the server would terminate the run for what the batch adds to its history. */
export function isHistoryFull(
  { historyLength, historySize }: RunHistory,
  { calls, bytesPerCall }: NextBatch,
): boolean {
  const events = historyLength + EVENTS_PER_CALL * calls;
  return events > MAX_EVENTS || historySize + bytesPerCall * calls > MAX_BYTES;
}
