import type { JsonObject } from '../messages/canonical.ts';
import type { Issued } from '../messages/issued.ts';

/** An answer with an error status: the API's error type and its text. */
export interface Rejection {
  readonly status: number;
  readonly type: string;
  readonly message: string;
}

export interface RejectionOptions {
  /** Which endpoint's fields apply. @default 'messages' */
  readonly endpoint?: 'messages' | 'count_tokens';
  /**
   * Whether the request names a beta. Then fields and blocks that this server does not know are accepted:
   * they may be the beta's. @default false
   */
  readonly beta?: boolean;
  /** What the server has issued before. Without it, nothing is checked against that. */
  readonly issued?: Pick<Issued, 'expiryOf' | 'toolsOf'>;
  /** Whether that is the beta of compaction, `compact-2026-01-12`. @default false */
  readonly compaction?: boolean;
}

/** A message whose shape is valid: its place in the request and its blocks. */
export interface CheckedMessage {
  readonly index: number;
  readonly role: 'user' | 'assistant' | 'system';
  readonly blocks: readonly CheckedBlock[];
}

export interface CheckedBlock extends JsonObject {
  readonly type: string;
}

export function invalid(message: string): Rejection {
  return { status: 400, type: 'invalid_request_error', message };
}

/**
 * For a rule that is documented or was observed, but whose text in the API is not known. Compare only the
 * status and the type of such a rejection.
 */
export function inOurWords(message: string): Rejection {
  return invalid(message);
}

/** An empty or blank text, in the messages or in the prompt. */
export function blankTextRejection(
  text: string,
  place: 'messages' | 'system',
): Rejection | undefined {
  if (text === '') return invalid(`${place}: text content blocks must be non-empty`);
  return text.trim() === ''
    ? invalid(`${place}: text content blocks must contain non-whitespace text`)
    : undefined;
}

/** Runs the checks in order until one rejects. */
export function firstRejection(
  checks: Iterable<() => Rejection | undefined>,
): Rejection | undefined {
  for (const check of checks) {
    const rejected = check();
    if (rejected !== undefined) return rejected;
  }
  return undefined;
}
