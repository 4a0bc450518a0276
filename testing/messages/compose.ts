import type { Hash } from 'node:crypto';
import type {
  ContentBlock,
  Message,
  MessageCreateParams,
  StopReason,
} from '@anthropic-ai/sdk/resources/messages';
import { blocksOf, canonicalBlock, canonicalPreamble, digestSoFar, sha256 } from './canonical.ts';
import type { MessageReply, ScriptedBlock } from './reply.ts';
import { ThinkingSeals } from './thinking.ts';
import { outputUsage, type PromptCache } from './usage.ts';

/** The whole message, and what a stream sends instead of the input of single blocks, by index. */
export interface ComposedMessage {
  readonly message: Message;
  readonly rawInputs: ReadonlyMap<number, string>;
}

/**
 * Fills in what the script left out: ids, signatures, the stop reason and the usage.
 *
 * Ids and signatures come from the conversation so far, so a retried request is answered byte for
 * byte the same, except for the cache's share of the usage.
 */
export function composeMessage(
  reply: MessageReply,
  body: MessageCreateParams,
  cache: PromptCache,
): ComposedMessage {
  const seals = new ThinkingSeals({ ...body });
  const conversation = sha256(canonicalPreamble({ ...body }));
  for (const { role, content } of body.messages) {
    for (const block of blocksOf(content)) {
      seals.add(role, block);
      conversation.update(`${role}:${canonicalBlock(block)}\n`);
    }
  }
  // With `max_tokens: 0` the API only fills the cache.
  const scripted = body.max_tokens === 0 ? [] : reply.content;
  const content = scripted.map((block, index) => {
    const whole = wholeBlock(block, body, seals, derivedId('toolu', conversation, index));
    seals.add('assistant', whole);
    return whole;
  });
  const called = content.some(({ type }) => type === 'tool_use');
  const stopReason =
    body.max_tokens === 0
      ? 'max_tokens'
      : (reply.stop_reason ?? (called ? 'tool_use' : 'end_turn'));
  return {
    message: {
      id: derivedId('msg', conversation, 0),
      type: 'message',
      role: 'assistant',
      model: body.model,
      content,
      stop_reason: stopReason as StopReason,
      stop_sequence: reply.stop_sequence ?? null,
      stop_details: reply.stop_details ?? null,
      container: null,
      diagnostics: null,
      usage: {
        ...cache.measure(body),
        ...outputUsage(content),
        server_tool_use: null,
        service_tier: 'standard',
        inference_geo: null,
        speed: null,
        ...reply.usage,
      },
    },
    rawInputs: new Map(
      scripted.flatMap((block, index) =>
        block.type === 'tool_use' && block.rawInput !== undefined ? [[index, block.rawInput]] : [],
      ),
    ),
  };
}

function wholeBlock(
  block: ScriptedBlock,
  { thinking }: MessageCreateParams,
  seals: ThinkingSeals,
  id: string,
): ContentBlock {
  switch (block.type) {
    case 'text':
      return { type: 'text', text: block.text, citations: block.citations ?? null };
    case 'thinking': {
      const omitted =
        thinking !== undefined && 'display' in thinking && thinking.display === 'omitted';
      const text = omitted ? '' : block.thinking;
      return { type: 'thinking', thinking: text, signature: block.signature ?? seals.sign(text) };
    }
    case 'redacted_thinking':
      return { type: 'redacted_thinking', data: block.data ?? seals.sign('') };
    case 'tool_use':
      return {
        type: 'tool_use',
        id: block.id ?? id,
        name: block.name,
        input: block.input,
        caller: block.caller ?? { type: 'direct' },
        ...(block.toolset_name === undefined ? {} : { toolset_name: block.toolset_name }),
      };
    default:
      return block;
  }
}

/** An id in the API's form: letters and digits only. */
function derivedId(kind: 'msg' | 'toolu', conversation: Hash, index: number): string {
  const digest = sha256(kind, digestSoFar(conversation), String(index)).digest('base64url');
  return `${kind}_01${digest.replaceAll(/[-_]/g, '').slice(0, 22)}`;
}
