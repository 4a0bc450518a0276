// How large the history of one run may become. The server terminates a run at 51,200 events or 50 MB, without
// telling the workflow.
const MAX_EVENTS = 50_000;
const MAX_BYTES = 40_000_000;

/** For a call: scheduled, started and settled, with a workflow task of its own. */
const EVENTS_PER_CALL = 6;

/** A run must have done something before it is given up for a new one. */
const MIN_EVENTS = 20;

/** What Temporal reports of the run. */
export interface RunHistory {
  historyLength: number;
  historySize: number;
  continueAsNewSuggested: boolean;
}

/** What the next batch adds to the history, and the agent's own limit, if it has one. */
export interface NextBatch {
  calls: number;
  bytesPerCall: number;
  maxEvents?: number;
}

/** Whether even an empty history could not hold a batch of this size. */
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

/** Whether the server would terminate the run because of what the batch adds to its history. */
export function isHistoryFull(
  { historyLength, historySize }: RunHistory,
  { calls, bytesPerCall }: NextBatch,
): boolean {
  const events = historyLength + EVENTS_PER_CALL * calls;
  return events > MAX_EVENTS || historySize + bytesPerCall * calls > MAX_BYTES;
}
