import { isRecord } from '../../core/json.ts';

// How Amazon's and Google's clouds report errors. They know neither the API's error types nor its header
// `request-id`.

/** An error as a cloud describes it. */
export interface PlatformError {
  type: string;
  message: string;
}

/** `undefined` for an error of the API itself. */
export function platformError(
  body: unknown,
  headers: Headers | undefined,
): PlatformError | undefined {
  const amazon = headers === undefined ? undefined : amazonErrorType(headers);
  if (amazon !== undefined) {
    const message = isRecord(body) ? (body['message'] ?? body['Message']) : undefined;
    return { type: amazon, message: textOf(message) };
  }
  // Google answers a rejected streaming request with a list.
  const first: unknown = Array.isArray(body) ? body[0] : body;
  const google = isRecord(first) ? first['error'] : undefined;
  if (!isRecord(google) || typeof google['status'] !== 'string') return undefined;
  return { type: google['status'], message: textOf(google['message']) };
}

function textOf(value: unknown): string {
  return typeof value === 'string' ? value : '';
}

/** `AccessDeniedException` of `AccessDeniedException:http://internal.amazon.com/…`. */
export function amazonErrorType(headers: Headers): string | undefined {
  return headers.get('x-amzn-errortype')?.split(':')[0]?.trim() || undefined;
}

export function requestIdOf(headers: Headers | undefined): string | null {
  return headers?.get('request-id') ?? headers?.get('x-amzn-requestid') ?? null;
}

const ACCESS =
  "Check that the model is enabled for the account in this region, and that the worker's role may bedrock:InvokeModelWithResponseStream.";
const AMAZON_CREDENTIALS =
  'Check the AWS credentials, their expiry and the clock where the worker runs.';
const MODEL = "Check the agent's model: here it has a name of the platform's own, with its region.";

/** What a person can do, by the clouds' error types. */
const HINTS = new Map([
  ['AccessDeniedException', ACCESS],
  ['UnrecognizedClientException', AMAZON_CREDENTIALS],
  ['InvalidSignatureException', AMAZON_CREDENTIALS],
  ['IncompleteSignatureException', AMAZON_CREDENTIALS],
  ['ExpiredTokenException', AMAZON_CREDENTIALS],
  ['ResourceNotFoundException', MODEL],
  [
    'PERMISSION_DENIED',
    "Check that the worker's Google account has aiplatform.endpoints.predict in the project, and that the model is enabled in the Model Garden.",
  ],
  ['UNAUTHENTICATED', 'Check the Google credentials where the worker runs.'],
  ['NOT_FOUND', MODEL],
]);

export function platformHint(type: string): string | undefined {
  return HINTS.get(type);
}
