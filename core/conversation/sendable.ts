import type { InputBlock, Message, ReplyBlock } from './messages.ts';
import { blocksOf } from './messages.ts';
import { openServerCalls } from './server-calls.ts';

// The API rejects some of what it has sent itself, which would make every later request of the conversation a
// 400. Each function here leaves out one kind of it, or moves it.

/**
 * The part of a reply that goes into the conversation: all of it, block for block, except texts without any
 * visible character and empty summaries. The API sends such texts, but does not accept them.
 */
export function sendableContent(content: readonly ReplyBlock[]): ReplyBlock[] {
  return content.filter((block) => {
    if (block.type === 'compaction') return block.content !== '';
    return block.type !== 'text' || block.text.trim() !== '';
  });
}

/**
 * The conversation of an ended turn, ready for a person's next message. Left out is what a conversation may
 * hold only while its turn goes on:
 *
 * - calls of the API's own tools that have no result yet,
 * - thinking at the very end.
 */
export function closeConversation(messages: readonly Message[]): Message[] {
  const open = new Set(openServerCalls(messages));
  const closed = messages.flatMap((message) =>
    keepBlocks(message, (block) => block.type !== 'server_tool_use' || !open.has(block.id)),
  );
  for (let last = closed.pop(); last !== undefined; last = closed.pop()) {
    const rest = last.role === 'assistant' ? withoutLastThinking(last) : [last];
    closed.push(...rest);
    if (rest.length > 0) break;
  }
  return closed;
}

function withoutLastThinking(message: Message): Message[] {
  const end = blocksOf(message).findLastIndex((block) => !isThinking(block));
  return keepBlocks(message, (_, i) => i <= end);
}

/**
 * The conversation without the model's thinking, for an agent whose prompt or tools may differ. The newest
 * models bind their thinking to everything before it, and reject it elsewhere.
 * https://platform.claude.com/docs/en/build-with-claude/extended-thinking
 */
export function withoutThinking(messages: readonly Message[]): Message[] {
  return messages.flatMap((message): Message[] => {
    const { role, content } = message;
    if (role !== 'assistant' || typeof content === 'string') return [message];
    const kept = content.filter((block) => !isThinking(block));
    return kept.length === 0 ? [] : [{ ...message, content: kept }];
  });
}

function isThinking({ type }: InputBlock): boolean {
  return type === 'thinking' || type === 'redacted_thinking';
}

/** The same message if all of its blocks are kept, and no message if none is. */
function keepBlocks(
  message: Message,
  keep: (block: InputBlock, index: number) => boolean,
): Message[] {
  const blocks = blocksOf(message);
  const kept = blocks.filter(keep);
  if (kept.length === blocks.length) return [message];
  return kept.length === 0 ? [] : [{ ...message, content: kept } as Message];
}

/** The API's words about calls whose results do not follow at once. */
const MISSES_RESULTS =
  /`?tool_use`? ids were found without `?tool_result`? blocks immediately after/;

/**
 * The conversation with each text moved from behind calls to before them, if the API has rejected it for such
 * a text; otherwise `undefined`. The API has been seen to take such a text for the end of the message with
 * the calls, and then to miss their results.
 *
 * A text moves past calls only: thinking is bound to everything before it.
 */
export function textsBeforeCalls(
  messages: readonly Message[],
  rejection: string,
): Message[] | undefined {
  if (!MISSES_RESULTS.test(rejection)) return undefined;
  const moved = messages.map(withTextsFirst);
  return moved.some((message, i) => message !== messages[i]) ? moved : undefined;
}

function withTextsFirst(message: Message): Message {
  const { role, content } = message;
  if (role !== 'assistant' || typeof content === 'string') return message;
  const moved: InputBlock[] = [];
  for (const block of content) {
    const isText = block.type === 'text';
    const last = isText ? moved.findLastIndex(({ type }) => type !== 'tool_use') : moved.length - 1;
    moved.splice(last + 1, 0, block);
  }
  return moved.every((block, i) => block === content[i]) ? message : { role, content: moved };
}
