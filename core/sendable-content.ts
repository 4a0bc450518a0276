import type { ReplyBlock } from './messages.ts';

/**
 * What of a reply goes into the conversation: all of it, block for block, less the texts without any
 * visible character. The API sends such texts and refuses to take them back, and one of them would
 * make every later request a 400. It takes no empty summary either, and no text behind a call.
 */
export function sendableContent(content: readonly ReplyBlock[]): ReplyBlock[] {
  const kept = content.filter((block) => {
    if (block.type === 'compaction') return block.content !== '';
    return block.type !== 'text' || block.text.trim() !== '';
  });
  return withTextsBeforeCalls(kept);
}

/**
 * A text behind calls stands before them instead: the API takes it for the end of the message that asked
 * for them. Nothing is moved past another kind of block: thinking is bound to all that comes before it.
 */
function withTextsBeforeCalls(content: readonly ReplyBlock[]): ReplyBlock[] {
  const moved: ReplyBlock[] = [];
  for (const block of content) {
    const before =
      block.type === 'text'
        ? moved.findLastIndex(({ type }) => type !== 'tool_use') + 1
        : moved.length;
    moved.splice(before, 0, block);
  }
  return moved;
}
