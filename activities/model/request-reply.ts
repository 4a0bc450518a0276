import type Anthropic from '@anthropic-ai/sdk';
import { APIError } from '@anthropic-ai/sdk';
import { Stream } from '@anthropic-ai/sdk/streaming';
import type { ModelReply } from '../../core/conversation/reply.ts';
import { isRecord } from '../../core/json.ts';
import type { ReplyAssembly, ReplyEvent } from './assemble-reply.ts';
import { assembleReply } from './assemble-reply.ts';
import { withoutAutomatic } from './cache-breakpoints.ts';
import type { ModelClient } from './client.ts';
import { amazonErrorType, requestIdOf } from './platform-errors.ts';
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
  /** Learns the credentials of the request. */
  secrets: Secrets;
  /** Called when a reply begins, with what there is of it while it comes. */
  onReply?: (reply: ReplyAssembly) => void;
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
  { signal, idleTimeoutMs, secrets, onReply }: RequestOptions,
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
      middleware: [redactRejections(secrets)],
    });
    const reply = assembleReply();
    onReply?.(reply);
    // The raw events and not the SDK's stream, which hides both pings and an abort.
    for await (const { event, data } of Stream.rawEvents(response)) {
      watchdog.refresh();
      if (event === null || event === 'ping' || data === '') continue;
      const parsed: unknown = JSON.parse(data);
      if (event === 'error') throw streamError(parsed, response);
      reply.add(parsed as ReplyEvent);
    }
    request.signal.throwIfAborted();
    return reply.finish(requestIdOf(response.headers));
  } catch (error) {
    // fetch reports an abort in several ways; the reason of the signal says what happened.
    if (request.signal.aborted) throw request.signal.reason;
    throw error;
  } finally {
    clearTimeout(watchdog);
    signal.removeEventListener('abort', cancel);
  }
}

async function send(
  client: ModelClient,
  params: RequestParams,
  options: Anthropic.RequestOptions,
): Promise<Response> {
  const { betas, ...rest } = takesAutomaticCaching(client) ? params : withoutAutomatic(params);
  const body = { ...rest, stream: true as const };
  return await (betas === undefined
    ? client.messages.create(body, options).asResponse()
    : client.beta.messages.create({ ...body, betas }, options).asResponse());
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
 * Whether the API has rejected credentials, and the next request has new ones: a function, a profile or
 * a cloud gives them for each.
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
