import type { ReplyBlock } from './messages.ts';

/**
 * What of a reply goes into the conversation: all of it, block for block, less the texts without any
 * visible character. The API sends such texts and refuses to take them back, and one of them would
 * make every later request a 400. It takes no empty summary either.
 */
export function sendableContent(content: readonly ReplyBlock[]): ReplyBlock[] {
  return content.filter((block) => {
    if (block.type === 'compaction') return block.content !== '';
    return block.type !== 'text' || block.text.trim() !== '';
  });
}
