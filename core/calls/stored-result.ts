import { object, record, text, whole } from '../shape.ts';

/**
 * Where the full text of a result lies that was cut for the model. Data that the workflow keeps, so that
 * `read_result` finds the text by the id of the call.
 */
export interface StoredResult {
  /** The call whose result it is. */
  callId: string;
  /** SHA-256 of what was stored, in hex. */
  digest: string;
  /** What the storage driver needs to find it again. */
  claim: Record<string, string>;
  /** Length of the text in UTF-8. */
  bytes: number;
}

export const STORED_RESULT = object<StoredResult>({
  callId: text(),
  digest: text(),
  claim: record(text()),
  bytes: whole(),
});
