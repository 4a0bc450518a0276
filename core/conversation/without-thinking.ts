import type { InputBlock, Message } from './messages.ts';

/**
 * The conversation without the model's thinking, for an agent whose prompt or tools may be others. The
 * newest models bind their thinking to all that comes before it, and refuse it elsewhere.
 * https://platform.claude.com/docs/en/build-with-claude/extended-thinking
 */
export function withoutThinking(messages: readonly Message[]): Message[] {
  return messages.flatMap((message): Message[] => {
    const { content } = message;
    if (message.role !== 'assistant' || typeof content === 'string') return [message];
    const kept = content.filter(({ type }: InputBlock) => !THINKING.has(type));
    return kept.length === 0 ? [] : [{ ...message, content: kept }];
  });
}

const THINKING = new Set(['thinking', 'redacted_thinking']);
