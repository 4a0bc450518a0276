import type { ReplyEvent } from '../../activities/model/assemble-reply.ts';
import { defined } from '../../core/json.ts';
import type { ServedBlock, ServedMessage } from './reply.ts';

/** One event of a Messages stream. Pings are events too, although the SDK hides them. */
export type MessagesEvent =
  | ReplyEvent
  | { readonly type: 'ping' }
  | { readonly type: 'error'; readonly error: { readonly type: string; readonly message: string } };

type Delta = Extract<ReplyEvent, { type: 'content_block_delta' }>['delta'];

/** Most pieces that a block's text is cut into. Short texts are cut into pieces of a few words. */
const MAX_PIECES = 24;
const MIN_PIECE_CHARACTERS = 16;

/**
 * A message as the events of its stream, in the API's order. `rawInputs` has, by the index of a block,
 * the text to send in place of the JSON of its input.
 */
export function messageEvents(
  message: ServedMessage,
  rawInputs: ReadonlyMap<number, string> = new Map(),
): MessagesEvent[] {
  const { content, stop_reason, stop_sequence, stop_details } = message;
  const { iterations, ...usage } = message.usage;
  const blocks = content.flatMap((block, index): MessagesEvent[] => [
    { type: 'content_block_start', index, content_block: openBlock(block) },
    ...deltas(block, rawInputs.get(index)).map((delta): MessagesEvent => ({
      type: 'content_block_delta',
      index,
      delta,
    })),
    { type: 'content_block_stop', index },
  ]);
  return [
    {
      type: 'message_start',
      message: {
        ...message,
        content: [],
        stop_reason: null,
        stop_sequence: null,
        stop_details: null,
        usage: { ...usage, output_tokens: 1, output_tokens_details: null },
      },
    },
    { type: 'ping' },
    ...blocks,
    {
      type: 'message_delta',
      delta: { stop_reason, stop_sequence, stop_details, container: message.container },
      usage: {
        input_tokens: usage.input_tokens,
        output_tokens: usage.output_tokens,
        cache_creation_input_tokens: usage.cache_creation_input_tokens,
        cache_read_input_tokens: usage.cache_read_input_tokens,
        output_tokens_details: usage.output_tokens_details,
        server_tool_use: usage.server_tool_use,
        ...defined({ iterations }),
      },
    },
    { type: 'message_stop' },
  ];
}

/** Clients skip a frame without the `event:` line. */
export function frame(event: MessagesEvent | { readonly type: string }): string {
  return `event: ${event.type}\ndata: ${JSON.stringify(event)}\n\n`;
}

function openBlock(block: ServedBlock): ServedBlock {
  switch (block.type) {
    case 'text':
      return { ...block, text: '', citations: block.citations === null ? null : [] };
    case 'thinking':
      return { ...block, thinking: '', signature: '' };
    case 'compaction':
      return { ...block, content: null, encrypted_content: null };
    case 'tool_use':
    case 'server_tool_use':
      return { ...block, input: {} };
    default:
      return block;
  }
}

function deltas(block: ServedBlock, rawInput: string | undefined): Delta[] {
  switch (block.type) {
    case 'text':
      return [
        ...pieces(block.text).map((text) => ({ type: 'text_delta' as const, text })),
        ...(block.citations ?? []).map((citation) => ({
          type: 'citations_delta' as const,
          citation,
        })),
      ];
    case 'thinking':
      return [
        ...pieces(block.thinking).map((thinking) => ({
          type: 'thinking_delta' as const,
          thinking,
          estimated_tokens: null,
        })),
        { type: 'signature_delta', signature: block.signature },
      ];
    case 'compaction': {
      // The API sends it in one piece.
      const { content, encrypted_content } = block;
      return [{ type: 'compaction_delta', content, encrypted_content }];
    }
    case 'tool_use':
    case 'server_tool_use':
      // The API begins with an empty fragment.
      return ['', ...pieces(rawInput ?? JSON.stringify(block.input))].map((partial_json) => ({
        type: 'input_json_delta' as const,
        partial_json,
      }));
    default:
      return [];
  }
}

/** Cuts between characters, never inside a surrogate pair. */
function pieces(text: string): string[] {
  const size = Math.max(MIN_PIECE_CHARACTERS, Math.ceil(text.length / MAX_PIECES));
  const cut: string[] = [];
  for (let from = 0; from < text.length;) {
    const to = from + size;
    const insidePair = /[\uD800-\uDBFF]/.test(text.charAt(to - 1));
    cut.push(text.slice(from, insidePair ? to + 1 : to));
    from = insidePair ? to + 1 : to;
  }
  return cut;
}
