// The Queries and Updates of a session, shared by the workflow that answers them and the client.

/** Update with one `Send`; returns a `SendReceipt`. */
export const SEND_UPDATE = 'send';
/** Update with one `Close`, or nothing; returns nothing. */
export const CLOSE_UPDATE = 'close';
/** Query without arguments; returns a `SessionState`. */
export const DESCRIBE_QUERY = 'describe';
/** Query without arguments; returns a `SessionTranscript`. */
export const TRANSCRIPT_QUERY = 'transcript';

export interface Close {
  /** Cancel the turn that runs, and forget those that wait. @default they come to their end first */
  interrupt?: boolean;
}
