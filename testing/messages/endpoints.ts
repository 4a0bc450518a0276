import type { MessageCreateParams } from '@anthropic-ai/sdk/resources/messages';
import { COMPACTION_BETA } from '../../core/conversation/compaction.ts';
import { isRecord } from '../../core/json.ts';
import { spoiltReply } from '../faults.ts';
import { rejection } from '../rejections.ts';
import { windowRejection } from '../rejections/window.ts';
import { scriptedReply, settleReply, UnscriptedError, type Script } from '../script.ts';
import { sha256 } from './canonical.ts';
import { composeMessage } from './compose.ts';
import { deliver } from './deliver.ts';
import type { Exchange } from './exchange.ts';
import { authenticationError, pause, readBody, sendError, sendJson } from './http.ts';
import { Issued } from './issued.ts';
import { isKnownModel, listedModels, modelInfo } from './model-rules.ts';
import type { ApiError, FaultReply, Pace, StreamFault } from './reply.ts';
import { readRequest, type ScriptRequest } from './request.ts';
import { estimateInputTokens, PromptCache } from './usage.ts';

export interface EndpointOptions {
  readonly script: Script;
  readonly pace?: Pace;
  readonly apiKey?: string;
  readonly contextWindow?: number;
}

/** Answers the API's paths. Holds what the server remembers: prompt cache, arrivals, what it issued. */
export class MessagesEndpoints {
  readonly #options: EndpointOptions;
  readonly #cache = new PromptCache();
  readonly #arrivals = new Map<string, number>();
  readonly #issued = new Issued();

  constructor(options: EndpointOptions) {
    this.#options = options;
  }

  async handle(exchange: Exchange): Promise<void> {
    const { request, response } = exchange;
    const text = await readBody(request);
    if (text === undefined) {
      return answerError(exchange, 413, {
        type: 'request_too_large',
        message: 'Request exceeds the maximum size',
      });
    }
    const denied = authenticationError(request, this.#options.apiKey);
    if (denied !== undefined) return answerError(exchange, 401, denied);
    const path = new URL(request.url ?? '/', 'http://localhost').pathname;
    const model = /^\/v1\/models\/([^/]+)$/.exec(path)?.[1];
    switch (`${request.method} ${path}`) {
      case 'POST /v1/messages':
        return this.#messages(exchange, text);
      case 'POST /v1/messages/count_tokens':
        return this.#countTokens(exchange, text);
      case 'GET /v1/models': {
        const data = listedModels();
        const [first, last] = [data.at(0)?.id, data.at(-1)?.id];
        return sendJson(response, 200, { data, has_more: false, first_id: first, last_id: last });
      }
    }
    if (request.method === 'GET' && model !== undefined && isKnownModel(model)) {
      return sendJson(response, 200, modelInfo(model));
    }
    const message = model === undefined ? 'Not Found' : `model: ${model}`;
    answerError(exchange, 404, { type: 'not_found_error', message });
  }

  #countTokens(exchange: Exchange, text: string): void {
    const body = acceptedBody(exchange, text, 'count_tokens', {
      issued: this.#issued,
      contextWindow: this.#options.contextWindow,
    });
    if (body === undefined) return;
    sendJson(exchange.response, 200, { input_tokens: estimateInputTokens(body) });
  }

  async #messages(exchange: Exchange, text: string): Promise<void> {
    const body = acceptedBody(exchange, text, 'messages', {
      issued: this.#issued,
      contextWindow: this.#options.contextWindow,
    });
    if (body === undefined) return;
    const identity = sha256(text).digest('base64url');
    const arrival = (this.#arrivals.get(identity) ?? 0) + 1;
    this.#arrivals.set(identity, arrival);
    const scripted = readRequest(body, exchange.request.headers, arrival);
    try {
      await this.#reply(exchange, scripted);
    } catch (error) {
      // A mistake in the script is a 400: a client would retry a 5xx, and hide the mistake.
      if (exchange.response.headersSent) throw error;
      const message =
        error instanceof UnscriptedError ? error.message : `The script failed: ${String(error)}`;
      answerError(exchange, 400, { type: 'invalid_request_error', message });
    }
  }

  async #reply(exchange: Exchange, request: ScriptRequest): Promise<void> {
    const { response, gone, record } = exchange;
    let reply = await scriptedReply(this.#options.script, request);
    let fault: StreamFault | undefined;
    while (reply.type === 'fault') {
      const struck = await this.#strikeBefore(exchange, reply);
      if (struck === 'answered' || gone.aborted) return;
      fault ??= struck;
      reply = await settleReply(spoiltReply(reply), request);
    }
    const composed = composeMessage(reply, request.body, this.#cache);
    this.#issued.remember(composed.message, request.body);
    exchange.cutByServer = fault?.type === 'reset';
    await deliver({
      response,
      gone,
      fault,
      requestId: record.requestId,
      composed,
      stream: request.body.stream === true,
      pace: { ...this.#options.pace, ...reply.pace },
    });
  }

  /** Handles a fault that comes before the response; returns one that comes within it. */
  async #strikeBefore(
    exchange: Exchange,
    { fault }: FaultReply,
  ): Promise<StreamFault | 'answered' | undefined> {
    if (fault.type === 'stallBeforeHeaders') {
      await pause(fault.forMs, exchange.gone);
      return undefined;
    }
    if (fault.type !== 'status') return fault;
    for (const [name, value] of Object.entries(fault.headers)) {
      exchange.response.setHeader(name, value);
    }
    answerError(exchange, fault.status, fault.error);
    return 'answered';
  }
}

/** The body, when the API would accept it. Otherwise sends the rejection and returns `undefined`. */
function acceptedBody(
  exchange: Exchange,
  text: string,
  endpoint: 'messages' | 'count_tokens',
  { issued, contextWindow }: { issued: Issued; contextWindow: number | undefined },
): MessageCreateParams | undefined {
  const { headers } = exchange.request;
  const betas = String(headers['anthropic-beta'] ?? '')
    .split(/[\s,]+/)
    .filter(Boolean);
  const body = parseJson(text);
  if (isRecord(body) && !(body instanceof Error)) {
    exchange.record.body = body as unknown as MessageCreateParams;
  }
  const rejected =
    body instanceof Error
      ? badRequest(`The request body is not valid JSON: ${body.message}`)
      : headers['anthropic-version'] === undefined
        ? badRequest('anthropic-version: header is required')
        : (rejection(body, {
            endpoint,
            issued,
            beta: betas.length > 0,
            compaction: betas.includes(COMPACTION_BETA),
          }) ??
          (endpoint === 'messages'
            ? windowRejection(exchange.record.body, text, contextWindow)
            : undefined));
  if (rejected === undefined) return exchange.record.body;
  const { status, type, message } = rejected;
  answerError(exchange, status, { type, message });
  return undefined;
}

function badRequest(message: string): { status: number; type: string; message: string } {
  return { status: 400, type: 'invalid_request_error', message };
}

function answerError(exchange: Exchange, status: number, error: ApiError): void {
  exchange.record.error = error.message;
  sendError(exchange.response, status, error, exchange.record.requestId);
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    return error;
  }
}
