import type { APIError } from '@anthropic-ai/sdk';
import type { ModelErrorReport } from '../core/failures.ts';
import { causeChain } from '../core/failures.ts';
import { shorten } from '../core/json.ts';
import { hintFor, isThreadCode } from './model-error-hints.ts';

/** What a failed request means for the next one. */
export interface ModelErrorVerdict {
  /** Whether asking again may help. */
  retryable: boolean;
  /** When to ask again, in milliseconds, where the API said it. */
  delayMs?: number;
  message: string;
  report: ModelErrorReport;
}

// Sources for the table: https://platform.claude.com/docs/en/api/errors and the SDK's retry rules.

/** A limit that a person has to lift. Sent with 429, but waiting does not help. */
const SPEND_LIMITS = new Set(['enforced_spend_limit_reached', 'contract_spend_limit_reached']);

/** Error types of events in a stream, where there is no status any more. */
const FINAL_TYPES = new Set([
  'invalid_request_error',
  'authentication_error',
  'permission_error',
  'not_found_error',
  'billing_error',
  'request_too_large',
]);

/** The SDK's text for a request without any credentials; it has no class of its own. */
const NO_CREDENTIALS = 'Could not resolve authentication method';

/** The name of the SDK's error for a request that its own side has ended. */
const USER_ABORT = 'APIUserAbortError';

/** Decides what an error of a model request means. Pure: the same error always gets the same verdict. */
export function classifyModelError(error: unknown, now: number = Date.now()): ModelErrorVerdict {
  const text = shortText(error);
  const type = error instanceof Error ? error.name : 'unknown';
  const report = { type, status: null, errorCode: null, requestId: null };
  // Neither by the turn nor by its worker, which is seen before this.
  if (type === USER_ABORT) {
    return { retryable: false, message: `The request was given up: ${text}`, report };
  }
  if (isApiError(error)) return classifyApiError(error, now);
  if (text.startsWith(NO_CREDENTIALS)) {
    const message =
      'There is no API key: set ANTHROPIC_API_KEY where the worker runs, or give the worker an `anthropic` client.';
    return { retryable: false, message, report };
  }
  // Torn streams, a broken connection, and what nobody has thought of yet.
  return { retryable: true, message: text, report };
}

/**
 * By its shape: the client may come from another copy of the SDK, and then `instanceof` would take a
 * wrong key for something that passes.
 */
function isApiError(error: unknown): error is APIError {
  return error instanceof Error && 'status' in error && 'headers' in error && 'requestID' in error;
}

/** A proxy may answer with a page of megabytes, and failures of that size are never reported. */
const MAX_TEXT = 3_000;

function shortText(said: unknown): string {
  return shorten(causeChain(said).toWellFormed(), MAX_TEXT);
}

function classifyApiError(error: APIError, now: number): ModelErrorVerdict {
  const { status, headers, errorCode, requestID } = error;
  const type = error.type ?? error.name;
  const retryable = isRetryable(error);
  const delayMs = retryable ? retryAfter(headers, now) : undefined;
  return {
    retryable,
    ...(delayMs === undefined ? {} : { delayMs }),
    message: describe(error, type),
    report: { type, status: status ?? null, errorCode, requestId: requestID ?? null },
  };
}

function isRetryable(error: APIError): boolean {
  const { errorCode } = error;
  if (errorCode !== null && (SPEND_LIMITS.has(errorCode) || isThreadCode(errorCode))) return false;
  const told = error.headers?.get('x-should-retry');
  // The header of a stream that broke later speaks of the request, which had succeeded.
  if (error.status !== undefined && told === 'true') return true;
  if (error.status !== undefined && told === 'false') return false;
  if (error.status === undefined) return error.type === null || !FINAL_TYPES.has(error.type);
  return (
    error.status === 408 || error.status === 409 || error.status === 429 || error.status >= 500
  );
}

function describe(error: APIError, type: string): string {
  const text = shortText(error.apiMessage ?? error);
  const request = error.requestID ? ` (request ${error.requestID})` : '';
  const { status, errorCode } = error;
  const hint = hintFor({ status, type, errorCode }, text);
  if (error.status === undefined) {
    const where =
      error.type === null
        ? 'The Messages API could not be reached'
        : `The Messages API broke off with ${type}`;
    return withHint(`${where}: ${text}${request}`, hint);
  }
  return withHint(`The Messages API answered ${error.status} ${type}: ${text}${request}`, hint);
}

function withHint(message: string, hint: string | undefined): string {
  return hint === undefined ? message : `${message}. ${hint}`;
}

/** `retry-after-ms`, else `retry-after` in seconds or as a date; in milliseconds. */
function retryAfter(headers: Headers | undefined, now: number): number | undefined {
  const milliseconds = positive(headers?.get('retry-after-ms'));
  if (milliseconds !== undefined) return milliseconds;
  const after = headers?.get('retry-after');
  const inSeconds = positive(after);
  if (inSeconds !== undefined) return inSeconds * 1_000;
  const at = Date.parse(after ?? '');
  return at > now ? at - now : undefined;
}

function positive(text: string | null | undefined): number | undefined {
  const value =
    text === null || text === undefined || text.trim() === '' ? Number.NaN : Number(text);
  return value > 0 ? value : undefined;
}
