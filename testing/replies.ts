import type { RefusalStopDetails, StopReason } from '@anthropic-ai/sdk/resources/messages';
import { DeclarationError } from '../agents/declaration-error.ts';
import { given, optionalFunctionProblem, recordProblem, rejectIf } from '../core/arguments.ts';
import { defined } from '../core/json.ts';
import type { MessageReply, Pace, ScriptedToolUse } from './messages/reply.ts';

/** The model answers with this text. It may be empty: the API sends such texts, and rejects them in a request. */
export function say(text: string): MessageReply {
  if (typeof text !== 'string') {
    throw new DeclarationError(`say: the argument must be a text; got ${given(text)}`);
  }
  return { content: [{ type: 'text', text }] };
}

/** The model thinks. The server signs the block. A part for `reply()`. */
export function think(thinking: string): MessageReply {
  return { content: [{ type: 'thinking', thinking }] };
}

/** The model thinks, and the API hides what. A part for `reply()`. */
export function thinkRedacted(): MessageReply {
  return { content: [{ type: 'redacted_thinking' }] };
}

/**
 * The API compacts the conversation to this summary before the model answers; with `null` it tries and
 * fails. A part for `reply()`. Alone, with `stopWith('compaction', …)`, the API pauses after it.
 */
export function compact(summary: string | null): MessageReply {
  return { content: [{ type: 'compaction', content: summary }] };
}

/** `{ tool: input }`, or a list of `[tool, input, id?]` to call one tool several times. */
export type ScriptedCalls =
  | Readonly<Record<string, unknown>>
  | readonly (readonly [name: string, input: unknown, id?: string])[];

/** The model calls these tools, all in one reply, in this order. */
export function callTools(
  calls: ScriptedCalls,
  before: { readonly thinking?: string; readonly text?: string } = {},
): MessageReply {
  if (typeof calls !== 'object' || calls === null) {
    throw new DeclarationError(
      `callTools: the calls must be { tool: input } or a list of [tool, input]; got ${given(calls)}`,
    );
  }
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
  rejectIf(DeclarationError, recordProblem('paced: the pace', pace));
  rejectIf(DeclarationError, optionalFunctionProblem('paced: afterBlock', pace.afterBlock));
  return { ...answer, pace };
}

/** The model refuses to answer: status 200, stop reason `refusal`, with the content before it, if any. */
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

/** The API pauses in the middle of a server tool. The client must send the content back as it is. */
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

/** `end_turn` without content. The model does that when a text follows the tool results. */
export function sayNothing(): MessageReply {
  return { content: [], stop_reason: 'end_turn' };
}

/** The same reply with another stop reason, which need not be a known one. */
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
