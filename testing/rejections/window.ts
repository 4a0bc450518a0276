import type { MessageCreateParams } from '@anthropic-ai/sdk/resources/messages';
import { compactionEdit } from '../messages/compaction.ts';
import { estimateInputTokens, estimateTokens } from '../messages/usage.ts';
import { invalid, type Rejection } from './rejection.ts';

/** A prompt that is longer than the context window, unless the API may compact it. `text` is the body. */
export function windowRejection(
  body: MessageCreateParams | undefined,
  text: string,
  window: number = Number.POSITIVE_INFINITY,
): Rejection | undefined {
  // Most bodies are too short to exceed it, and are not counted.
  if (body === undefined || estimateTokens(text) <= window) return undefined;
  if (compactionEdit({ ...body }) !== undefined) return undefined;
  const tokens = estimateInputTokens(withoutData(body));
  return tokens > window
    ? invalid(`prompt is too long: ${tokens} tokens > ${window} maximum`)
    : undefined;
}

/** The base64 of images and documents does not count as text. */
function withoutData(body: MessageCreateParams): MessageCreateParams {
  const text = JSON.stringify(body, (key, value: unknown) => (key === 'data' ? '' : value));
  return JSON.parse(text) as MessageCreateParams;
}
