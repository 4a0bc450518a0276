import type { IncomingHttpHeaders, IncomingMessage, ServerResponse } from 'node:http';
import type { MessageCreateParams } from '@anthropic-ai/sdk/resources/messages';

/** A request that arrived, whether the API accepts it or not. It is updated until it is answered. */
export interface RecordedRequest {
  readonly method: string;
  /** Includes the query. */
  readonly path: string;
  readonly headers: IncomingHttpHeaders;
  /** The parsed body; `undefined` when it is not a JSON object. Rejected ones may have any shape. */
  readonly body: MessageCreateParams | undefined;
  readonly requestId: string;
  /** Milliseconds since the epoch. */
  readonly startedAt: number;
  /** Milliseconds since the epoch; `undefined` until it is answered. */
  readonly endedAt: number | undefined;
  /** The response's status; `undefined` until its headers are sent. */
  readonly status: number | undefined;
  /** The text of the error that was answered, if any. */
  readonly error: string | undefined;
  /** The client closed the connection before the response was complete. */
  readonly closedEarly: boolean;
}

type Writable<T> = { -readonly [K in keyof T]: T[K] };

/** A request, its response, and the record of both. */
export interface Exchange {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly record: Writable<RecordedRequest>;
  /** Fires when the response is over, no matter who ended it. */
  readonly gone: AbortSignal;
  /** Set when the server itself breaks the connection. */
  cutByServer: boolean;
}

/** Records an exchange from its first byte to its last. `closing`: the server is being closed. */
export function openExchange(
  request: IncomingMessage,
  response: ServerResponse,
  count: number,
  closing: () => boolean,
): Exchange {
  const over = new AbortController();
  const record: Writable<RecordedRequest> = {
    method: request.method ?? '',
    path: request.url ?? '',
    headers: request.headers,
    body: undefined,
    requestId: `req_${String(count).padStart(6, '0')}`,
    startedAt: Date.now(),
    endedAt: undefined,
    get status() {
      return response.headersSent ? response.statusCode : undefined;
    },
    error: undefined,
    closedEarly: false,
  };
  const exchange: Exchange = {
    request,
    response,
    record,
    gone: over.signal,
    cutByServer: false,
  };
  response.setHeader('request-id', record.requestId);
  // Nobody can do anything about an error of a response that was cut off.
  response.on('error', () => undefined);
  response.on('close', () => {
    record.endedAt = Date.now();
    record.closedEarly = !response.writableFinished && !exchange.cutByServer && !closing();
    over.abort();
  });
  return exchange;
}
