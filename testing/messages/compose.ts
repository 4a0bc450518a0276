import type { Hash } from 'node:crypto';
import type { BetaIterationsUsage } from '@anthropic-ai/sdk/resources/beta/messages';
import type { MessageCreateParams, StopReason } from '@anthropic-ai/sdk/resources/messages';
import { defined } from '../../core/json.ts';
import { UnscriptedError } from '../script.ts';
import { blocksOf, canonicalBlock, canonicalPreamble, digestSoFar, sha256 } from './canonical.ts';
import { compactionEdit, isSummary, sealSummary } from './compaction.ts';
import type { MessageReply, ScriptedBlock, ServedBlock, ServedMessage } from './reply.ts';
import { ThinkingSeals } from './thinking.ts';
import { estimateInputTokens, estimateTokens, outputUsage, type PromptCache } from './usage.ts';

/** The whole message. `rawInputs` has, by index, what a stream sends in place of a block's input. */
export interface ComposedMessage {
  readonly message: ServedMessage;
  readonly rawInputs: ReadonlyMap<number, string>;
}

/**
 * Fills in what the script left out: ids, signatures, the stop reason and the usage.
 *
 * Ids and signatures are made from the conversation so far, so a retried request gets the same answer, byte
 * for byte, except for the cache's share of the usage.
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
  const compacts = compactionEdit({ ...body }) !== undefined;
  if (!compacts && content.some(({ type }) => type === 'compaction')) {
    throw new UnscriptedError(
      'The script compacts the conversation, but the request has no `compact_20260112` edit. Give the agent `compaction`, or take `compact()` out of the script.',
    );
  }
  const own = { ...cache.measure(continued(body, content)), ...outputUsage(content) };
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
      container: reply.container === undefined ? null : { ...reply.container, skills: null },
      diagnostics: null,
      usage: {
        ...own,
        server_tool_use: null,
        service_tier: 'standard',
        inference_geo: null,
        speed: null,
        ...reply.usage,
        ...(compacts && { iterations: iterations(body, content, { ...own, ...reply.usage }) }),
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
): ServedBlock {
  switch (block.type) {
    case 'text':
      return { type: 'text', text: block.text, citations: block.citations ?? null };
    case 'thinking': {
      const omitted =
        thinking !== undefined && 'display' in thinking && thinking.display === 'omitted';
      const text = omitted ? '' : block.thinking;
      return { type: 'thinking', thinking: text, signature: block.signature ?? seals.sign(text) };
    }
    case 'compaction': {
      const { content } = block;
      return {
        ...block,
        encrypted_content: content === null ? null : sealSummary(content),
      };
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
        ...defined({ toolset_name: block.toolset_name }),
      };
    default:
      return block;
  }
}

/** What the model reads: when the API has compacted, the summary instead of the messages. */
function continued(
  body: MessageCreateParams,
  content: readonly ServedBlock[],
): MessageCreateParams {
  const summary = content.findLast(isSummary);
  if (summary === undefined) return body;
  const messages = [{ role: 'assistant', content: [summary] }];
  return { ...body, messages: messages as unknown as MessageCreateParams['messages'] };
}

type Counts = Pick<
  ServedMessage['usage'],
  | 'input_tokens'
  | 'output_tokens'
  | 'cache_creation'
  | 'cache_creation_input_tokens'
  | 'cache_read_input_tokens'
>;

/** With the beta, the API counts each compaction separately, and the reply as well. */
function iterations(
  body: MessageCreateParams,
  content: readonly ServedBlock[],
  own: Counts,
): BetaIterationsUsage {
  const compactions = content.filter((block) => block.type === 'compaction');
  return [
    ...compactions.map(({ content: summary }) => ({
      type: 'compaction' as const,
      input_tokens: estimateInputTokens(body),
      output_tokens: estimateTokens(summary ?? ''),
      cache_creation: null,
      cache_creation_input_tokens: 0,
      cache_read_input_tokens: 0,
    })),
    {
      type: 'message' as const,
      model: body.model,
      input_tokens: own.input_tokens,
      output_tokens: own.output_tokens,
      cache_creation: own.cache_creation,
      cache_creation_input_tokens: own.cache_creation_input_tokens ?? 0,
      cache_read_input_tokens: own.cache_read_input_tokens ?? 0,
    },
  ];
}

/** An id in the API's form: letters and digits only. */
function derivedId(kind: 'msg' | 'toolu', conversation: Hash, index: number): string {
  const digest = sha256(kind, digestSoFar(conversation), String(index)).digest('base64url');
  return `${kind}_01${digest.replaceAll(/[-_]/g, '').slice(0, 22)}`;
}
