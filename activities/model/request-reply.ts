import type Anthropic from '@anthropic-ai/sdk';
import { AnthropicError, APIError } from '@anthropic-ai/sdk';
import { Stream } from '@anthropic-ai/sdk/streaming';
import { isNestedDeeper } from '../../core/conversation/exact-json.ts';
import type { ModelReply } from '../../core/conversation/reply.ts';
import { beginningOf, isRecord } from '../../core/json.ts';
import { doubledPathText, stayAtAddress } from './address.ts';
import type { ReplyEvent } from './assemble-reply.ts';
import { ReplyAssembly } from './assemble-reply.ts';
import { withoutAutomatic } from './cache-breakpoints.ts';
import { isFinalType } from './classify-error.ts';
import type { ModelClient } from './client.ts';
import { markExactTexts, sendExactTexts } from './exact-request.ts';
import { amazonErrorType, requestIdOf } from './platform-errors.ts';
import { UnusableReplyError } from './reply-errors.ts';
import type { RequestParams } from './request-params.ts';
import type { Secrets } from './secrets.ts';
import { redactRejections } from './secrets.ts';

/** The API sent nothing for too long. Another attempt may help. */
export class IdleStreamError extends Error {
  override readonly name = 'IdleStreamError' as const;
}

export interface RequestOptions {
  signal: AbortSignal;
  /** Longest silence, in milliseconds; pings count as life. */
  idleTimeoutMs: number;
  /** Remembers the credentials of the request. */
  secrets: Secrets;
  /** Called when a reply begins, with a view of it that grows. */
  onReply?: (reply: ReplyAssembly) => void;
  /** Called when a block begins: the first time is the first token. */
  onContent?: () => void;
  /** Called when a block is whole. */
  onBlock?: (reply: ReplyAssembly) => void;
}

/**
 * One request to the Messages API, streamed. Resolves to one whole reply or rejects; the caller
 * retries, so the SDK does not.
 *
 * The SDK's timeout covers only the time until the headers, and Node's fetch gives up after 300 s of
 * silence with an error that does not say so. So a watchdog of our own watches every event.
 */
export async function requestReply(
  client: ModelClient,
  params: RequestParams,
  { signal, idleTimeoutMs, secrets, onReply, onContent, onBlock }: RequestOptions,
): Promise<ModelReply> {
  // One controller for both reasons: in Node 20 `AbortSignal.any` leaves work to the garbage collector.
  const request = new AbortController();
  const cancel = () => request.abort(signal.reason);
  signal.addEventListener('abort', cancel);
  if (signal.aborted) cancel();
  const watchdog = setTimeout(() => {
    const seconds = idleTimeoutMs / 1_000;
    request.abort(new IdleStreamError(`The Messages API sent nothing for ${seconds} s.`));
  }, idleTimeoutMs);
  try {
    const response = await send(client, params, {
      signal: request.signal,
      maxRetries: 0,
      middleware: [redactRejections(secrets), stayAtAddress],
    });
    const reply = new ReplyAssembly();
    onReply?.(reply);
    try {
      await readReply(response, {
        reply,
        request,
        secrets,
        onContent,
        onBlock,
        refresh: () => watchdog.refresh(),
      });
      request.signal.throwIfAborted();
      return reply.finish(requestIdOf(response.headers));
    } catch (error) {
      throw asUnusable(error, reply, response);
    }
  } catch (error) {
    // fetch reports an abort in several ways; the reason of the signal says what happened.
    if (request.signal.aborted) throw request.signal.reason;
    throw error;
  } finally {
    clearTimeout(watchdog);
    signal.removeEventListener('abort', cancel);
  }
}

interface Reading {
  reply: ReplyAssembly;
  request: AbortController;
  secrets: Secrets;
  onContent: RequestOptions['onContent'];
  onBlock: RequestOptions['onBlock'];
  /** Called for every sign of life from the API. */
  refresh: () => void;
}

/** Reads up to the end of the reply, not of the stream: a gateway may add to it. */
async function readReply(
  response: Response,
  { reply, request, secrets, onContent, onBlock, refresh }: Reading,
): Promise<void> {
  const answer = openAnswer(response);
  // The raw events and not the SDK's stream, which hides both pings and an abort.
  const events = Stream.rawEvents(answer.body);
  let hasNamelessEvents = false;
  try {
    while (!reply.isWhole) {
      const { done, value } = await events.next();
      if (done === true) break;
      refresh();
      const { event, data } = value;
      answer.isStream ||= event !== null;
      hasNamelessEvents ||= event === null && data !== '';
      if (event === null || event === 'ping' || data === '') continue;
      // Redact before the text is cut: half a credential would not be recognized.
      if (event === 'error') throw streamError(parseEvent(event, secrets.redact(data)), response);
      reply.add(parseEvent(event, data) as ReplyEvent, data);
      if (event === 'content_block_start') onContent?.();
      if (event === 'content_block_stop') onBlock?.(reply);
    }
    if (!answer.isStream) {
      rejectOtherAnswer(secrets.redact(answer.beginning()), hasNamelessEvents, response);
    }
  } catch (error) {
    // Closes the connection.
    await events.return(undefined).catch(() => undefined);
    throw error;
  }
  if (reply.isWhole) void readToEnd(events, request);
}

function parseEvent(event: string, data: string): unknown {
  let parsed: unknown;
  try {
    parsed = JSON.parse(data);
  } catch {
    // An error may come in prose.
    if (event === 'error') return { error: { message: data } };
    throw new UnusableReplyError(`an event of its stream is not JSON: ${beginningOf(data)}`);
  }
  if (isRecord(parsed) && !(event === 'error' && isNestedDeeper(parsed))) return parsed;
  throw new UnusableReplyError(`an event of its stream is not the API's: ${beginningOf(data)}`);
}

/** The body of a response while events are read from it. */
interface Answer {
  body: Response;
  /** An event of the API has come. */
  isStream: boolean;
  beginning: () => string;
}

/** How much of an answer that is not a stream is kept, in bytes, to say what it is. */
const MAX_BEGINNING = 64 * 1024;
/** In bytes; longer than any event of the API. */
const MAX_WITHOUT_EVENT = 32 * 1024 * 1024;

function openAnswer({ body }: Response): Answer {
  if (body === null) throw new UnusableReplyError('the answer is empty');
  const kept: Uint8Array[] = [];
  let bytes = 0;
  async function* chunksOf(stream: ReadableStream<Uint8Array>) {
    for await (const chunk of stream) {
      if (bytes < MAX_BEGINNING) kept.push(chunk.subarray(0, MAX_BEGINNING - bytes));
      bytes += chunk.byteLength;
      if (!answer.isStream && bytes > MAX_WITHOUT_EVENT) return;
      yield chunk;
    }
  }
  const answer: Answer = {
    // The SDK reads only this field of a response, and accepts any iterable.
    body: { body: chunksOf(body) } as unknown as Response,
    isStream: false,
    beginning: () => Buffer.concat(kept).toString(),
  };
  return answer;
}

/** A proxy answers with a page, or with an error although the status is 200. */
function rejectOtherAnswer(
  beginning: string,
  hasNamelessEvents: boolean,
  response: Response,
): void {
  const text = beginning.trim();
  if (text === '') return;
  // The stream was cut off before its first event was whole.
  if (/^(?:event|data|id|retry|:)/.test(text) && !hasNamelessEvents) return;
  const body = parsedOrUndefined(text);
  const error = isRecord(body) ? body['error'] : undefined;
  if (isRecord(error) && isFinalType(String(error['type']))) throw streamError(body, response);
  const hint = doubledPathText(response.url);
  throw new UnusableReplyError(
    `the answer has status ${response.status} and is not a stream of the Messages API: ${beginningOf(text)}${hint === undefined ? '' : `; ${hint}`}`,
  );
}

function parsedOrUndefined(text: string): unknown {
  try {
    const parsed: unknown = JSON.parse(text);
    return isNestedDeeper(parsed) ? undefined : parsed;
  } catch {
    return undefined;
  }
}

/** What the client for Bedrock throws for an event that is not JSON. */
const BEDROCK_CHUNK = 'Could not parse a Bedrock chunk into JSON: ';

/** The error with what the reply has cost, where it came whole but is not a valid reply. */
function asUnusable(error: unknown, reply: ReplyAssembly, response: Response): unknown {
  const isChunk = error instanceof AnthropicError && error.message.startsWith(BEDROCK_CHUNK);
  const unusable = isChunk
    ? new UnusableReplyError(
        `an event of its stream is not JSON: ${beginningOf(error.message.slice(BEDROCK_CHUNK.length))}`,
      )
    : error;
  if (!(unusable instanceof UnusableReplyError)) return error;
  unusable.usage = reply.usage;
  unusable.requestId = requestIdOf(response.headers);
  return unusable;
}

/** How long a connection may take to become free for the next request, in milliseconds. */
const MAX_REST_MS = 1_000;

/** Reads and drops what follows the reply, so that the connection can serve the next request. */
async function readToEnd(events: AsyncIterator<unknown>, request: AbortController): Promise<void> {
  const timer = setTimeout(() => request.abort(), MAX_REST_MS).unref();
  try {
    while ((await events.next()).done !== true);
  } catch {
    // The reply is whole.
  } finally {
    clearTimeout(timer);
  }
}

async function send(
  client: ModelClient,
  params: RequestParams,
  options: Anthropic.RequestOptions,
): Promise<Response> {
  const { betas, ...rest } = takesAutomaticCaching(client) ? params : withoutAutomatic(params);
  const { messages, marks } = markExactTexts(rest.messages);
  const body = { ...rest, messages, stream: true as const };
  const middleware = [...(options.middleware ?? []), ...sendExactTexts(client, marks)];
  const withTexts = { ...options, middleware };
  return await (betas === undefined
    ? client.messages.create(body, withTexts).asResponse()
    : client.beta.messages.create({ ...body, betas }, withTexts).asResponse());
}

/**
 * Bedrock and Vertex reject a top-level `cache_control` with 400 "Extra inputs are not permitted", and
 * take it on a block. Their clients have no `models`; those for Anthropic's own API, Foundry and the
 * Claude Platform on AWS do.
 * https://platform.claude.com/docs/en/build-with-claude/prompt-caching#edge-cases
 */
function takesAutomaticCaching(client: ModelClient): boolean {
  return 'models' in client;
}

/**
 * Whether the API has rejected credentials that the next request will replace: a function, a profile or a
 * cloud provides new ones each time.
 */
export function hasStaleCredentials(error: unknown, client: () => ModelClient): boolean {
  if (!rejectsCredentials(error)) return false;
  const { apiKey, authToken } = client();
  return typeof apiKey !== 'string' && typeof authToken !== 'string';
}

function rejectsCredentials(error: unknown): boolean {
  if (!isRecord(error)) return false;
  if (error['status'] === 401) return true;
  const { headers } = error;
  return headers instanceof Headers && amazonErrorType(headers) === 'ExpiredTokenException';
}

/** An error that came after the 200, as the SDK would throw it: with a type and no status. */
function streamError(body: unknown, response: Response): APIError {
  return new APIError(undefined, isRecord(body) ? body : undefined, undefined, response.headers);
}
