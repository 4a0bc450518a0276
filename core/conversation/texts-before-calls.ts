import type { InputBlock, Message } from './messages.ts';

/** What the API says of calls whose results do not follow at once. */
const MISSES_RESULTS =
  /`?tool_use`? ids were found without `?tool_result`? blocks immediately after/;

/**
 * The conversation with every text that stands behind calls before them instead, where the API has
 * refused it for that; `undefined` where that is not what it means. The API has been seen to take such a
 * text for the end of the message that asks for the calls, and then to miss their results.
 *
 * A text moves past calls only: thinking is bound to all that comes before it.
 */
export function textsBeforeCalls(
  messages: readonly Message[],
  refusal: string,
): Message[] | undefined {
  if (!MISSES_RESULTS.test(refusal)) return undefined;
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
