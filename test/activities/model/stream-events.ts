import type { RawMessageStreamEvent } from '@anthropic-ai/sdk/resources/messages';
import type { ReplyEvent } from '../../../activities/model/assemble-reply.ts';
import type { ReplyBlock } from '../../../core/conversation/messages.ts';

// One reply as the events of its stream, in the API's framing.

type Delta = Extract<ReplyEvent, { type: 'content_block_delta' }>['delta'];
type Stop = Extract<RawMessageStreamEvent, { type: 'message_delta' }>;

const NO_DETAILS = {
  output_tokens_details: null,
  server_tool_use: null,
};

export const messageStart: RawMessageStreamEvent = {
  type: 'message_start',
  message: {
    id: 'msg_01',
    type: 'message',
    role: 'assistant',
    model: 'claude-opus-5-5',
    content: [],
    stop_reason: null,
    stop_sequence: null,
    stop_details: null,
    container: null,
    diagnostics: null,
    usage: {
      input_tokens: 120,
      output_tokens: 1,
      cache_creation_input_tokens: 7,
      cache_read_input_tokens: null,
      cache_creation: null,
      inference_geo: null,
      service_tier: 'standard',
      speed: null,
      ...NO_DETAILS,
    },
  },
};

/** The events of one block: its beginning, what it grows by, and its end. */
export function block(index: number, begin: ReplyBlock, ...deltas: readonly Delta[]): ReplyEvent[] {
  return [
    { type: 'content_block_start', index, content_block: begin },
    ...deltas.map((delta) => ({
      type: 'content_block_delta' as const,
      index,
      delta,
    })),
    { type: 'content_block_stop', index },
  ];
}

/** A `tool_use` block whose input comes in these pieces of JSON. */
export function toolUse(index: number, id: string, ...json: readonly string[]) {
  return block(
    index,
    { type: 'tool_use', id, name: 'get_orders', input: {}, caller: { type: 'direct' } },
    ...json.map((partial_json) => ({ type: 'input_json_delta' as const, partial_json })),
  );
}

export function text(index: number, ...pieces: readonly string[]): ReplyEvent[] {
  return block(
    index,
    { type: 'text', text: '', citations: null },
    ...pieces.map((piece) => ({ type: 'text_delta' as const, text: piece })),
  );
}

export function messageDelta(
  stopReason: Stop['delta']['stop_reason'],
  delta: Partial<Stop['delta']> = {},
  usage: Partial<Stop['usage']> = {},
): RawMessageStreamEvent {
  return {
    type: 'message_delta',
    delta: {
      stop_reason: stopReason,
      stop_sequence: null,
      stop_details: null,
      container: null,
      ...delta,
    },
    usage: {
      input_tokens: null,
      output_tokens: 42,
      cache_creation_input_tokens: null,
      cache_read_input_tokens: null,
      ...NO_DETAILS,
      ...usage,
    },
  };
}

export const messageStop: RawMessageStreamEvent = { type: 'message_stop' };
