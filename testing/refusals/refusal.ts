import type { JsonObject } from '../messages/canonical.ts';
import type { Issued } from '../messages/issued.ts';

/** An answer with an error status: the API's error type and its text. */
export interface Refusal {
  readonly status: number;
  readonly type: string;
  readonly message: string;
}

export interface RefusalOptions {
  /** Which endpoint's fields apply. @default 'messages' */
  readonly endpoint?: 'messages' | 'count_tokens';
  /**
   * Whether the request names a beta. Then fields and blocks that this server does not know are
   * taken for the beta's. @default false
   */
  readonly beta?: boolean;
  /** What the server has given out before; without it nothing is checked against that. */
  readonly issued?: Pick<Issued, 'expiryOf' | 'toolsOf'>;
  /** Whether that is the beta of compaction, `compact-2026-01-12`. @default false */
  readonly compaction?: boolean;
}

/** One message whose shape has been checked: its place in the request and its blocks. */
export interface CheckedMessage {
  readonly index: number;
  readonly role: 'user' | 'assistant' | 'system';
  readonly blocks: readonly CheckedBlock[];
}

export interface CheckedBlock extends JsonObject {
  readonly type: string;
}

export function invalid(message: string): Refusal {
  return { status: 400, type: 'invalid_request_error', message };
}

/**
 * A rule that is documented or was seen, told in words of ours: those of the API are not known. Judge a
 * refusal by its status and type; only the other texts are the API's.
 */
export function inOurWords(message: string): Refusal {
  return invalid(message);
}

/** A text that nobody could read, in the messages or in the prompt. */
export function blankTextRefusal(text: string, place: 'messages' | 'system'): Refusal | undefined {
  if (text === '') return invalid(`${place}: text content blocks must be non-empty`);
  return text.trim() === ''
    ? invalid(`${place}: text content blocks must contain non-whitespace text`)
    : undefined;
}

/** The first refusal of several checks, in order, none run further than needed. */
export function firstRefusal(checks: Iterable<() => Refusal | undefined>): Refusal | undefined {
  for (const check of checks) {
    const refused = check();
    if (refused !== undefined) return refused;
  }
  return undefined;
}
