import type { IncomingHttpHeaders, IncomingMessage, ServerResponse } from 'node:http';
import type { MessageCreateParams } from '@anthropic-ai/sdk/resources/messages';

/** One request that came, refused ones included. Filled in further while it is answered. */
export interface RecordedRequest {
  readonly method: string;
  /** With the query. */
  readonly path: string;
  readonly headers: IncomingHttpHeaders;
  /** The parsed body. Of a refused request it may have any shape; nothing when it was no JSON object. */
  readonly body: MessageCreateParams | undefined;
  readonly requestId: string;
  /** Milliseconds since the epoch. */
  readonly startedAt: number;
  /** Milliseconds since the epoch; nothing while it is being answered. */
  readonly endedAt: number | undefined;
  /** The response's status; nothing before its headers were sent. */
  readonly status: number | undefined;
  /** The error text that was answered, if one was. */
  readonly error: string | undefined;
  /** The client closed the connection before the response was complete. */
  readonly closedEarly: boolean;
}

type Writable<T> = { -readonly [K in keyof T]: T[K] };

/** A request, its response and what is known of both. */
export interface Exchange {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly record: Writable<RecordedRequest>;
  /** Fires when the response is over, whoever ended it. */
  readonly gone: AbortSignal;
  /** Set when it is the server that breaks the connection. */
  cutByServer: boolean;
}

/** Follows an exchange from its first byte to its last. `closing` says whether the server ends it all. */
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
  // A response that is cut off has nobody to report its errors to.
  response.on('error', () => undefined);
  response.on('close', () => {
    record.endedAt = Date.now();
    record.closedEarly = !response.writableFinished && !exchange.cutByServer && !closing();
    over.abort();
  });
  return exchange;
}
