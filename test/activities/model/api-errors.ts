import { APIError } from '@anthropic-ai/sdk';

// Errors of the SDK, made as it makes them.

/** The API's id of the request that failed. */
export const REQUEST = 'req_011';

/** What the SDK throws for an answer of the API. */
export function answered(
  status: number,
  type: string,
  {
    headers = {},
    errorCode,
    message = `It is ${type}.`,
  }: { headers?: Record<string, string>; errorCode?: string; message?: string } = {},
): APIError {
  const details = errorCode === undefined ? {} : { details: { error_code: errorCode } };
  const body = { type: 'error', error: { type, message, ...details } };
  return APIError.generate(
    status,
    body,
    undefined,
    new Headers({ 'request-id': REQUEST, ...headers }),
  );
}

/** What is thrown for an `error` event of a stream: it has a type and no status. */
export function brokenOff(type: string, headers: Record<string, string> = {}): APIError {
  const body = { type: 'error', error: { type, message: `It is ${type}.` } };
  return new APIError(
    undefined,
    body,
    undefined,
    new Headers({ 'request-id': REQUEST, ...headers }),
  );
}
