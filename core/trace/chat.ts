import { defined } from '../json.ts';
import type { ModelReply } from '../conversation/reply.ts';
import { inputTokens } from '../turn/usage.ts';

/** The values that attributes of a span may have here. */
export type Attributes = Record<string, string | number | boolean | string[]>;

/** A request to the model, as its activity reports it to the turn. It is recorded in histories. */
export interface Chat {
  /** The id of its span. */
  id: string;
  /** Milliseconds since the epoch, by the worker's clock. */
  start: number;
  end: number;
  attributes: Attributes;
  /** Name and version of the library that made the span. Absent if Plait did. */
  scope?: [name: string, version: string];
  /** Why it failed, in a word. */
  error?: string;
}

/** What the Anthropic SDK has put into its span. */
export interface RecordedSpan {
  scope: [name: string, version: string];
  attributes: Attributes;
}

/** A request whose reply is whole. */
export interface Answered {
  type: 'reply';
  reply: Pick<ModelReply, 'id' | 'model' | 'stopReason' | 'usage' | 'requestId'>;
}

/** A request without a usable reply. */
export interface Unanswered {
  type: 'failure' | 'invalid reply';
  /** HTTP status, if there was one. */
  status?: number | undefined;
}

/**
 * Drops attributes with prompts, replies and arguments: histories have them once, and a trace has them only
 * on request.
 */
const CONTENT = /messages|instructions|arguments|result|definitions|content/;

/**
 * The span of a request. The Anthropic SDK ends its own span with the headers if somebody else reads the
 * reply. What it has not seen is added under the names that it would use.
 *
 * @param recorded absent if the client makes no spans
 */
export function chatOf(
  about: { id: string; start: number; end: number; model: string; attempt: number },
  recorded: RecordedSpan | undefined,
  answer: Answered | Unanswered,
): Chat {
  const { id, start, end, model, attempt } = about;
  const error = answer.type === 'reply' ? undefined : errorType(answer);
  return {
    id,
    start,
    end,
    attributes: {
      'gen_ai.operation.name': 'chat',
      'gen_ai.provider.name': 'anthropic',
      'gen_ai.request.model': model,
      ...withoutContent(recorded?.attributes ?? {}),
      ...(answer.type === 'reply' ? replyAttributes(answer.reply) : {}),
      ...defined({ 'error.type': error }),
      ...(attempt === 1 ? {} : { 'plait.attempt': attempt }),
    },
    ...defined({ scope: recorded?.scope, error }),
  };
}

function errorType({ type, status }: Unanswered): string {
  if (type === 'invalid reply') return 'invalid_reply';
  return status === undefined ? '_OTHER' : String(status);
}

function withoutContent(attributes: Attributes): Attributes {
  const kept = Object.entries(attributes).filter(([name]) => !CONTENT.test(name));
  return Object.fromEntries(kept);
}

function replyAttributes({
  id,
  model,
  stopReason,
  usage,
  requestId,
}: Answered['reply']): Attributes {
  return {
    'gen_ai.response.id': id,
    'gen_ai.response.model': model,
    'gen_ai.response.finish_reasons': [stopReason],
    'anthropic.message.stop_reason': stopReason,
    'gen_ai.usage.input_tokens': inputTokens(usage),
    'gen_ai.usage.output_tokens': usage.output_tokens,
    'gen_ai.usage.cache_read.input_tokens': usage.cache_read_input_tokens,
    'gen_ai.usage.cache_write.input_tokens': usage.cache_creation_input_tokens,
    ...defined({ 'anthropic.request.id': requestId ?? undefined }),
  };
}
