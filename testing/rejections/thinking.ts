import { isRecord } from '../../core/json.ts';
import type { JsonObject } from '../messages/canonical.ts';
import { modelRules } from '../messages/model-rules.ts';
import { ThinkingSeals } from '../messages/thinking.ts';
import { invalid, type CheckedMessage, type Rejection } from './rejection.ts';

const MODIFIED =
  '`thinking` or `redacted_thinking` blocks in the latest assistant message cannot be modified. ' +
  'These blocks must remain as they were in the original response.';
const MOVED =
  'Invalid `signature` in `thinking` block. The block is bound to a different conversation. Remove the ' +
  'block, or set `thinking.block_binding.prefix_mismatch_behavior` to "drop_block".';

/** Thinking that this server issued must come back unchanged, after an unchanged conversation. */
export function thinkingRejection(
  body: JsonObject,
  messages: readonly CheckedMessage[],
): Rejection | undefined {
  const seals = new ThinkingSeals(body);
  const bound = modelRules(String(body['model'])).bindsThinking && !dropsBlocks(body['thinking']);
  const latest = messages.findLast(({ role }) => role === 'assistant');
  for (const message of messages) {
    for (const [at, block] of message.blocks.entries()) {
      const place = `messages.${message.index}.content.${at}`;
      const redacted = block.type === 'redacted_thinking';
      if (redacted || block.type === 'thinking') {
        const signature = String(redacted ? block['data'] : block['signature']);
        const text = redacted ? '' : String(block['thinking']);
        const verdict = seals.check(signature, text, bound);
        if (verdict === 'moved') return invalid(`${place}: ${MOVED}`);
        if (verdict === 'altered') return invalid(`${place}: ${alteredText(message === latest)}`);
      }
      seals.add(message.role, block);
    }
  }
  return undefined;
}

function alteredText(latest: boolean): string {
  return latest ? MODIFIED : 'Invalid `signature` in `thinking` block';
}

function dropsBlocks(thinking: unknown): boolean {
  const binding = isRecord(thinking) ? thinking['block_binding'] : undefined;
  return isRecord(binding) && binding['prefix_mismatch_behavior'] === 'drop_block';
}
