import type { APIError } from '@anthropic-ai/sdk';
import type { ModelErrorReport } from '../../core/failures.ts';
import { causeChain } from '../../core/failures.ts';
import { defined, shorten } from '../../core/json.ts';
import { WrongAddressError } from './address.ts';
import { hintFor, isThreadCode } from './error-hints.ts';
import { platformError, platformHint, requestIdOf } from './platform-errors.ts';
import type { Secrets } from './secrets.ts';

/** What a failed request means for the next one. */
export interface ModelErrorVerdict {
  /** Whether asking again may help. */
  retryable: boolean;
  /** When to ask again, in milliseconds, where the API says so. */
  delayMs?: number;
  message: string;
  report: ModelErrorReport;
}

// Sources for the table: https://platform.claude.com/docs/en/api/errors and the SDK's retry rules.

/** A limit that a person has to lift. Sent with 429, but waiting does not help. */
const SPEND_LIMITS = new Set(['enforced_spend_limit_reached', 'contract_spend_limit_reached']);

/** Error types of events in a stream, which have no status. */
const FINAL_TYPES = new Set([
  'invalid_request_error',
  'authentication_error',
  'permission_error',
  'not_found_error',
  'billing_error',
  'request_too_large',
  // Those of Bedrock.
  'validationException',
  'accessDeniedException',
  'resourceNotFoundException',
]);

/** Whether an error of this type stays, however often the request is made. */
export function isFinalType(type: string): boolean {
  return FINAL_TYPES.has(type);
}

/** Retryable although the status says otherwise: Bedrock's 424 is the model's failure. */
const PASSING_TYPES = new Set(['ModelErrorException']);

/** What a person can do where a worker cannot get a cloud's credentials. Another worker may have some. */
const CREDENTIAL_HINTS: readonly [text: string, hint: string][] = [
  ['Failed to resolve AWS credentials', 'Check the AWS credentials where the worker runs.'],
  [
    'Failed to acquire Google OAuth credentials',
    'Check the Google credentials where the worker runs.',
  ],
];

/** `fetch`'s text for a header that cannot be sent. The text repeats the header. */
const INVALID_HEADER = 'is an invalid header value';

/** The SDK's text for a request without any credentials. The error has no class of its own. */
const NO_CREDENTIALS = 'Could not resolve authentication method';

/** The name of the SDK's error for a request that its own side has ended. */
const USER_ABORT = 'APIUserAbortError';

/** Decides what an error of a model request means. Pure: the same error always gets the same verdict. */
export function classifyModelError(error: unknown, now: number = Date.now()): ModelErrorVerdict {
  const text = shortText(error);
  const type = error instanceof Error ? error.name : 'unknown';
  const report = { type, status: null, errorCode: null, requestId: null };
  // Not an end by the turn or by its worker, which is handled before this.
  if (type === USER_ABORT) {
    return { retryable: false, message: `The client ended the request: ${text}`, report };
  }
  if (error instanceof WrongAddressError) {
    const { status, requestId, message } = error;
    return { retryable: false, message, report: { ...report, status, requestId } };
  }
  // The request cannot be written as JSON: its values are too deep or too long.
  if (error instanceof RangeError) {
    return { retryable: false, message: `The request cannot be made: ${text}`, report };
  }
  if (isApiError(error)) return classifyApiError(error, now);
  if (text.startsWith(NO_CREDENTIALS)) {
    const message =
      'There is no API key: set ANTHROPIC_API_KEY where the worker runs, or give the worker an `anthropic` client.';
    return { retryable: false, message, report };
  }
  if (text.includes(INVALID_HEADER)) {
    const message =
      'The request cannot be sent: the API key, or another header, has a line break or another character that is not allowed in a header.';
    return { retryable: false, message, report };
  }
  // Torn streams, broken connections, and every error that this table does not know.
  return { retryable: true, message: text, report };
}

/** The same verdict with credentials removed from its words. */
export function withoutSecrets(
  { message, report, ...verdict }: ModelErrorVerdict,
  secrets: Secrets,
): ModelErrorVerdict {
  const { type, errorCode, requestId } = report;
  return {
    ...verdict,
    message: secrets.redact(message),
    report: {
      ...report,
      type: secrets.redact(type),
      errorCode: errorCode === null ? null : secrets.redact(errorCode),
      requestId: requestId === null ? null : secrets.redact(requestId),
    },
  };
}

/**
 * Recognized by its shape, because the client may come from another copy of the SDK. With `instanceof`, a
 * wrong key would look like a failure that may pass.
 */
function isApiError(error: unknown): error is APIError {
  return error instanceof Error && 'status' in error && 'headers' in error && 'requestID' in error;
}

/** A proxy may answer with a page of megabytes, and Temporal does not take failures of that size. */
const MAX_TEXT = 3_000;

function shortText(said: unknown): string {
  return shorten(causeChain(said).toWellFormed(), MAX_TEXT);
}

function classifyApiError(error: APIError, now: number): ModelErrorVerdict {
  const { status, headers, errorCode } = error;
  const requestId = requestIdOf(headers);
  const platform = platformError(error.error, headers);
  const type = error.type ?? platform?.type ?? error.name;
  const retryable = PASSING_TYPES.has(type) || isRetryable(error);
  const delayMs = retryable ? retryAfter(headers, now) : undefined;
  return {
    retryable,
    ...defined({ delayMs }),
    message: describe(error, { type, said: platform?.message, requestId }),
    report: { type, status: status ?? null, errorCode, requestId },
  };
}

function isRetryable(error: APIError): boolean {
  const { errorCode } = error;
  if (errorCode !== null && (SPEND_LIMITS.has(errorCode) || isThreadCode(errorCode))) return false;
  const shouldRetry = error.headers?.get('x-should-retry');
  // In a stream that broke later, the header belongs to the request, which had succeeded.
  if (error.status !== undefined && shouldRetry === 'true') return true;
  if (error.status !== undefined && shouldRetry === 'false') return false;
  if (error.status === undefined) return error.type === null || !isFinalType(error.type);
  return (
    error.status === 408 || error.status === 409 || error.status === 429 || error.status >= 500
  );
}

interface Known {
  type: string;
  /** The text of a cloud's error. */
  said: string | undefined;
  requestId: string | null;
}

function describe(error: APIError, { type, said, requestId }: Known): string {
  const text = shortText(error.apiMessage ?? (said || error));
  const request = requestId === null ? '' : ` (request ${requestId})`;
  if (error.status === undefined) {
    const where =
      error.type === null
        ? 'The Messages API could not be reached'
        : `The Messages API broke off with ${type}`;
    const credentials = CREDENTIAL_HINTS.find(([beginning]) => text.startsWith(beginning))?.[1];
    const hint = credentials ?? hintFor({ type, errorCode: error.errorCode }, text);
    return withHint(`${where}: ${text}${request}`, hint);
  }
  const { status, errorCode } = error;
  const hint = platformHint(type) ?? hintFor({ status, type, errorCode }, text);
  return withHint(`The Messages API answered ${error.status} ${type}: ${text}${request}`, hint);
}

function withHint(text: string, hint: string | undefined): string {
  return hint === undefined ? text : `${text.replace(/\.$/, '')}. ${hint}`;
}

/** `retry-after-ms`, else `retry-after` in seconds or as a date; in milliseconds. */
function retryAfter(headers: Headers | undefined, now: number): number | undefined {
  const milliseconds = count(headers?.get('retry-after-ms'));
  if (milliseconds !== undefined) return milliseconds;
  const after = headers?.get('retry-after')?.trim() ?? '';
  const seconds = count(after);
  if (seconds !== undefined) return seconds * 1_000;
  if (!/^[a-z]{3,9},? /i.test(after)) return undefined;
  // By the server's clock, since the worker's may differ.
  const clock = Date.parse(headers?.get('date') ?? '');
  const wait = Date.parse(after) - (Number.isNaN(clock) ? now : clock);
  return wait > 0 ? wait : undefined;
}

/** Digits only: `Number` also reads `1e300`, `0x10` and `Infinity`, which no server means. */
function count(text: string | null | undefined): number | undefined {
  const value = /^\s*\d+(?:\.\d+)?\s*$/.test(text ?? '') ? Number(text) : 0;
  return value > 0 && Number.isFinite(value * 1_000) ? value : undefined;
}
