/** Stable: branch on it where a class cannot be compared, for example on the far side of an API. */
export type PlaitErrorCode =
  | 'COMPLETION_REJECTED'
  | 'DECISION_REJECTED'
  | 'INVALID_CALL_TOKEN'
  | 'INVALID_DECLARATION'
  | 'INVALID_OUTPUT'
  | 'INVALID_SESSION'
  | 'INVALID_STORAGE'
  | 'INVALID_TRANSPORT'
  | 'INVALID_TURN'
  | 'NOTHING_NEEDED'
  | 'REPLAY_FAILED'
  | 'SEARCH_ATTRIBUTE_TYPE'
  | 'SEARCH_ATTRIBUTES_MISSING'
  | 'SEND_REJECTED'
  | 'SESSION_BUSY'
  | 'SESSION_CLOSED'
  | 'SESSION_ID_IN_USE'
  | 'SESSION_NOT_FOUND'
  | 'STORAGE_UNAVAILABLE'
  | 'TEMPORAL_UNAVAILABLE'
  | 'TRANSPORT_UNAVAILABLE'
  | 'TURN_FAILED'
  | 'TURN_ID_IN_USE'
  | 'TURN_NOT_FOUND'
  | 'UNREADABLE_HISTORY'
  | 'UNREADABLE_PAYLOAD'
  | 'UNSCRIPTED'
  | 'WORKER_UNAVAILABLE';

/**
 * Every error that Plait throws for its caller to handle, with a `code` that stays the same from
 * version to version. docs/troubleshooting.md says what to do about each.
 *
 * These are not among them:
 * - `ToolError`, which your tools throw and the model reads
 * - the failures in Temporal's history, such as `plait.ModelCallFailed`: a caller gets a
 *   `TurnFailedError` that has their `type`
 * - mistakes in the calling program, such as a decision without `by`: a `TypeError`
 */
export abstract class PlaitError extends Error {
  abstract readonly code: PlaitErrorCode;
}
