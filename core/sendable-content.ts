import type { ReplyBlock } from './messages.ts';

/**
 * What of a reply goes into the conversation: all of it, block for block, less what the API sends
 * and refuses to take back. One such block would make every later request a 400.
 *
 * - Text without any visible character.
 * - Where the turn ends with this reply: calls of the API's own tools that have no result yet, since
 *   a person's message may not follow them, and thinking at the very end, which an assistant message
 *   may not end with.
 */
export function sendableContent(content: readonly ReplyBlock[], endsTurn: boolean): ReplyBlock[] {
  const visible = content.filter((block) => block.type !== 'text' || block.text.trim() !== '');
  if (!endsTurn) return visible;
  const answered = new Set(
    visible.flatMap((block) => ('tool_use_id' in block ? [block.tool_use_id] : [])),
  );
  const closed = visible.filter(
    (block) => block.type !== 'server_tool_use' || answered.has(block.id),
  );
  const end = closed.findLastIndex(
    ({ type }) => type !== 'thinking' && type !== 'redacted_thinking',
  );
  return closed.slice(0, end + 1);
}
