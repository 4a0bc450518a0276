import type { MessageCreateParams } from '@anthropic-ai/sdk/resources/messages';
import { compactionEdit } from '../messages/compaction.ts';
import { estimateInputTokens, estimateTokens } from '../messages/usage.ts';
import { invalid, type Refusal } from './refusal.ts';

/** A prompt that is longer than the window, unless the API may compact it. `text` is the body. */
export function windowRefusal(
  body: MessageCreateParams | undefined,
  text: string,
  window: number = Number.POSITIVE_INFINITY,
): Refusal | undefined {
  // Most cannot be too long, and need not be counted.
  if (body === undefined || estimateTokens(text) <= window) return undefined;
  if (compactionEdit({ ...body }) !== undefined) return undefined;
  const tokens = estimateInputTokens(withoutData(body));
  return tokens > window
    ? invalid(`prompt is too long: ${tokens} tokens > ${window} maximum`)
    : undefined;
}

/** Images and documents are not read as the text that they are sent as. */
function withoutData(body: MessageCreateParams): MessageCreateParams {
  const text = JSON.stringify(body, (key, value: unknown) => (key === 'data' ? '' : value));
  return JSON.parse(text) as MessageCreateParams;
}
