import { DeclarationError } from '../agents/declaration-error.ts';
import {
  functionProblem,
  optionalFunctionProblem,
  recordProblem,
  rejectIf,
} from '../core/arguments.ts';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { MessagesEndpoints, type EndpointOptions } from './messages/endpoints.ts';
import { openExchange, type RecordedRequest } from './messages/exchange.ts';
import type { Pace } from './messages/reply.ts';
import type { Script } from './script.ts';

export interface MessagesServerOptions extends EndpointOptions {
  /** Decides every reply. */
  readonly script: Script;
  /** @default a free port */
  readonly port?: number;
  /** The address to listen on; `0.0.0.0` for other containers or machines. @default '127.0.0.1' */
  readonly host?: string;
  /** How fast replies come, unless a reply has its own pace. @default as fast as possible */
  readonly pace?: Pace;
  /**
   * Whether `requests` keeps the requests. Turn it off for conversations of hundreds of rounds, since every
   * request holds the whole conversation. @default true
   */
  readonly keepRequests?: boolean;
  /**
   * Most tokens of a prompt, four characters counted as one. Longer ones get a 400, `prompt is too long`.
   * @default no limit, since tokens are only estimated
   */
  readonly contextWindow?: number;
  /** The only key that is accepted; others get a 401. @default any key */
  readonly apiKey?: string;
}

/** A scripted Messages API that listens. */
export interface MessagesServer extends AsyncDisposable {
  /** For the client's `baseURL`. */
  readonly url: string;
  /** Every request so far, in the order of arrival; empty without `keepRequests`. */
  readonly requests: readonly RecordedRequest[];
  /** Ends every response, stalled ones too, and frees the port. */
  close(): Promise<void>;
}

/**
 * Starts a server that speaks Anthropic's Messages API, on the loopback interface unless `host` says otherwise.
 * It answers by a script, and rejects the requests that the API rejects, in the API's own words.
 */
export async function startMessagesServer(options: MessagesServerOptions): Promise<MessagesServer> {
  rejectIf(DeclarationError, recordProblem('startMessagesServer: the options', options));
  rejectIf(DeclarationError, functionProblem('startMessagesServer: script', options.script));
  const afterBlock = options.pace?.afterBlock;
  rejectIf(
    DeclarationError,
    optionalFunctionProblem('startMessagesServer: pace.afterBlock', afterBlock),
  );
  const requests: RecordedRequest[] = [];
  const { keepRequests = true } = options;
  let count = 0;
  const endpoints = new MessagesEndpoints(options);
  let closing = false;

  const server = createServer((request, response) => {
    count += 1;
    const exchange = openExchange(request, response, count, () => closing);
    if (keepRequests) requests.push(exchange.record);
    // It only rejects when the connection is broken.
    endpoints.handle(exchange).catch(() => response.destroy());
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(options.port ?? 0, options.host ?? '127.0.0.1', () => resolve());
  });
  const { port } = server.address() as AddressInfo;

  const close = async (): Promise<void> => {
    closing = true;
    if (!server.listening) return;
    await new Promise<void>((resolve) => {
      server.close(() => resolve());
      // Otherwise a kept-alive or stalled connection would hold the port for ever.
      server.closeAllConnections();
    });
  };
  return { url: `http://127.0.0.1:${port}`, requests, close, [Symbol.asyncDispose]: close };
}
