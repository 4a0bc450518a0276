import { defined } from '../core/json.ts';
import type { RefusalStopDetails, StopReason } from '@anthropic-ai/sdk/resources/messages';
import type { MessageReply, Pace, ScriptedToolUse } from './messages/reply.ts';

/** The model answers with this text. An empty text is a block that the API sends and refuses to read. */
export function say(text: string): MessageReply {
  return { content: [{ type: 'text', text }] };
}

/** The model thinks. Signed by the server; a part of a reply, see `reply()`. */
export function think(thinking: string): MessageReply {
  return { content: [{ type: 'thinking', thinking }] };
}

/** The model thinks where nobody can read it; a part of a reply, see `reply()`. */
export function thinkRedacted(): MessageReply {
  return { content: [{ type: 'redacted_thinking' }] };
}

/**
 * The API compacts the conversation to this summary (`null`: it fails to) before the model answers: a
 * part of a reply, see `reply()`. On its own, with `stopWith('compaction', …)`, it pauses behind it.
 */
export function compact(summary: string | null): MessageReply {
  return { content: [{ type: 'compaction', content: summary }] };
}

/** `{ tool: input }`, or `[tool, input, id?]` for each call where a tool is called more than once. */
export type ScriptedCalls =
  | Readonly<Record<string, unknown>>
  | readonly (readonly [name: string, input: unknown, id?: string])[];

/** The model calls these tools, all in one reply, in this order. */
export function callTools(
  calls: ScriptedCalls,
  before: { readonly thinking?: string; readonly text?: string } = {},
): MessageReply {
  const list = isCallList(calls) ? calls : Object.entries(calls);
  const content = list.map(([name, input, id]): ScriptedToolUse => ({
    type: 'tool_use',
    name,
    input,
    ...defined({ id }),
  }));
  return reply(
    ...(before.thinking === undefined ? [] : [think(before.thinking)]),
    ...(before.text === undefined ? [] : [say(before.text)]),
    { content },
  );
}

/** One reply made of several parts, in order: `reply(think('…'), say('…'), callTools({ … }))`. */
export function reply(...parts: readonly MessageReply[]): MessageReply {
  return Object.assign({}, ...parts, {
    content: parts.flatMap(({ content }) => content),
  }) as MessageReply;
}

/** The same reply at another speed. */
export function paced(pace: Pace, answer: MessageReply): MessageReply {
  return { ...answer, pace };
}

/** A refusal: status 200, stop reason `refusal`, whatever content came before it. */
export function refuse(
  details: Partial<Omit<RefusalStopDetails, 'type'>> = {},
  before: MessageReply = { content: [] },
): MessageReply {
  const { category = 'general_harms', explanation = null } = details;
  return {
    ...before,
    stop_reason: 'refusal',
    stop_details: { type: 'refusal', category, explanation },
  };
}

/** A pause inside a server tool: the client is to send the content back as it is. */
export function pauseTurn(query = 'weather today'): MessageReply {
  return {
    content: [
      {
        type: 'server_tool_use',
        id: `srvtoolu_${query.replaceAll(/[^a-zA-Z0-9]/g, '').slice(0, 20)}`,
        name: 'web_search',
        input: { query },
        caller: { type: 'direct' },
      },
    ],
    stop_reason: 'pause_turn',
  };
}

/** `end_turn` without any content, as the model does when text stands after tool results. */
export function sayNothing(): MessageReply {
  return { content: [], stop_reason: 'end_turn' };
}

/** The same reply with another stop reason, also with one that does not exist yet. */
export function stopWith(
  stopReason: StopReason | (string & {}),
  answer: MessageReply,
): MessageReply {
  return { ...answer, stop_reason: stopReason };
}

function isCallList(
  calls: ScriptedCalls,
): calls is readonly (readonly [name: string, input: unknown, id?: string])[] {
  return Array.isArray(calls);
}
