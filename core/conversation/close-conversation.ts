import type { InputBlock, Message } from './messages.ts';

/**
 * The conversation of a turn that has ended, fit for a person's next message. Left out is what may
 * stand in a conversation only while its turn goes on, and would make the next request a 400:
 *
 * - calls of the API's own tools that have no result yet,
 * - thinking at the very end.
 */
export function closeConversation(messages: readonly Message[]): Message[] {
  const answered = new Set(messages.flatMap((message) => serverResults(blocksOf(message))));
  const closed = messages.flatMap((message) => withoutOpenCalls(message, answered));
  for (let last = closed.pop(); last !== undefined; last = closed.pop()) {
    const rest = last.role === 'assistant' ? withoutLastThinking(last) : [last];
    closed.push(...rest);
    if (rest.length > 0) break;
  }
  return closed;
}

function blocksOf({ content }: Message): readonly InputBlock[] {
  return typeof content === 'string' ? [] : content;
}

function serverResults(blocks: readonly InputBlock[]): string[] {
  return blocks.flatMap((block) =>
    'tool_use_id' in block && block.type !== 'tool_result' ? [block.tool_use_id] : [],
  );
}

/** The same message where nothing is open in it, and none where nothing else is. */
function withoutOpenCalls(message: Message, answered: ReadonlySet<string>): Message[] {
  const blocks = blocksOf(message);
  const kept = blocks.filter((block) => block.type !== 'server_tool_use' || answered.has(block.id));
  if (kept.length === blocks.length) return [message];
  return kept.length === 0 ? [] : [withContent(message, kept)];
}

function isThinking({ type }: InputBlock): boolean {
  return type === 'thinking' || type === 'redacted_thinking';
}

function withoutLastThinking(message: Message): Message[] {
  const blocks = blocksOf(message);
  const end = blocks.findLastIndex((block) => !isThinking(block));
  if (end === blocks.length - 1) return [message];
  return end === -1 ? [] : [withContent(message, blocks.slice(0, end + 1))];
}

function withContent(message: Message, content: InputBlock[]): Message {
  return { ...message, content } as Message;
}
