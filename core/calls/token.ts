import { PlaitError } from '../errors.ts';
import { isRecord, shorten } from '../json.ts';

/** What the token of a call contains: the text with which somebody outside may complete it. */
export interface CallToken {
  turnId: string;
  callId: string;
  /** Distinguishes the call from others with its id: in another turn of the same id, or after a reset. */
  key: string;
}

/** The text is not the token of a tool call. The message says what a token looks like. */
export class InvalidCallTokenError extends PlaitError {
  override readonly name = 'InvalidCallTokenError' as const;
  override readonly code = 'INVALID_CALL_TOKEN' as const;
}

/** Names the format of what follows. A new format needs another letter, so that old tokens stay valid. */
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
    `${shown} is not the token of a tool call. A token starts with ${VERSION}, followed by letters, digits, - and _. Pass all of it, as ctx.later() returned it.`,
  );
}

function parse(base64url: string): unknown {
  try {
    return JSON.parse(atob(base64url.replaceAll('-', '+').replaceAll('_', '/')));
  } catch {
    return undefined;
  }
}

/** The same JSON in ASCII, which base64 needs. */
function ascii(json: string): string {
  return json.replaceAll(
    /[^ -~]/g,
    (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
}
