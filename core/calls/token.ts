import { PlaitError } from '../errors.ts';
import { isRecord, shorten } from '../json.ts';

/** The call that somebody outside may complete, in the text that a tool hands out for it. */
export interface CallToken {
  turnId: string;
  callId: string;
  /** Tells the call from others with its id, in another turn of this id or after a reset. */
  key: string;
}

/** The text is not a token of a call. The message says what one looks like. */
export class InvalidCallTokenError extends PlaitError {
  override readonly name = 'InvalidCallTokenError' as const;
  override readonly code = 'INVALID_CALL_TOKEN' as const;
}

/** The form of what follows. A later form gets another letter, and tokens that are out stay good. */
const VERSION = 'A';
const TOKEN = /^A[A-Za-z0-9_-]+$/;

export function encodeCallToken({ turnId, callId, key }: CallToken): string {
  const json = JSON.stringify({ turnId, callId, key });
  return VERSION + btoa(ascii(json)).replaceAll('+', '-').replaceAll('/', '_').replaceAll('=', '');
}

/** Throws an `InvalidCallTokenError` for everything that `encodeCallToken` has not made. */
export function decodeCallToken(token: unknown): CallToken {
  const text = String(token);
  const decoded = TOKEN.test(text) ? parse(text.slice(VERSION.length)) : undefined;
  if (isRecord(decoded)) {
    const { turnId, callId, key } = decoded;
    if (typeof turnId === 'string' && typeof callId === 'string' && typeof key === 'string') {
      return { turnId, callId, key };
    }
  }
  const shown = JSON.stringify(shorten(text, 40));
  throw new InvalidCallTokenError(
    `${shown} is no token of a tool call. A token begins with ${VERSION} and goes on in letters, digits, - and _. Pass on all of it, as the tool has handed it out.`,
  );
}

function parse(base64url: string): unknown {
  try {
    return JSON.parse(atob(base64url.replaceAll('-', '+').replaceAll('_', '/')));
  } catch {
    return undefined;
  }
}

/** The same JSON in the characters that base64 is made from. */
function ascii(json: string): string {
  return json.replaceAll(
    /[^ -~]/g,
    (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
}
