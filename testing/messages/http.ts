import type { IncomingMessage, ServerResponse } from 'node:http';
import type { ApiError } from './reply.ts';

const MAX_BODY_BYTES = 32 * 1024 * 1024;

/** The body as text; `undefined` when it is larger than the API accepts. Always reads to the end. */
export async function readBody(request: IncomingMessage): Promise<string | undefined> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    bytes += chunk.byteLength;
    // A client that still writes would not see an early answer, so the rest is read and dropped.
    if (bytes <= MAX_BODY_BYTES) chunks.push(chunk);
    else chunks.length = 0;
  }
  return bytes > MAX_BODY_BYTES ? undefined : Buffer.concat(chunks).toString('utf8');
}

export function sendJson(response: ServerResponse, status: number, body: unknown): void {
  const text = JSON.stringify(body);
  response.writeHead(status, {
    'content-type': 'application/json',
    'content-length': Buffer.byteLength(text),
  });
  response.end(text);
}

export function sendError(
  response: ServerResponse,
  status: number,
  error: ApiError,
  requestId: string,
): void {
  sendJson(response, status, { type: 'error', error, request_id: requestId });
}

/** The 401 for a wrong or missing key. Without an `apiKey` every request is accepted. */
export function authenticationError(
  request: IncomingMessage,
  apiKey: string | undefined,
): ApiError | undefined {
  const { authorization, 'x-api-key': header } = request.headers;
  if (apiKey === undefined || authorization === `Bearer ${apiKey}` || header === apiKey) {
    return undefined;
  }
  const message =
    authorization !== undefined
      ? 'Invalid bearer token'
      : header !== undefined
        ? 'invalid x-api-key'
        : 'x-api-key header is required';
  return { type: 'authentication_error', message };
}

/** Resolves after the time, or when `signal` fires. With an infinite time it waits for the signal. */
export function pause(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted || ms <= 0) return resolve();
    const timer = Number.isFinite(ms) ? setTimeout(done, ms) : undefined;
    signal.addEventListener('abort', done, { once: true });
    function done(): void {
      clearTimeout(timer);
      signal.removeEventListener('abort', done);
      resolve();
    }
  });
}
