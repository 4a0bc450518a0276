import { expect, test } from 'vitest';
import type { Message } from '../../../core/conversation/messages.ts';
import { withoutThinking } from '../../../core/conversation/without-thinking.ts';

const thinking = { type: 'thinking', thinking: 'Hm.', signature: 'sig' } as const;
const redacted = { type: 'redacted_thinking', data: 'x' } as const;
const answer = { type: 'text', text: 'Yes.' } as const;

test('a conversation without its thinking keeps everything else, in order', () => {
  const call = { type: 'tool_use', id: 'toolu_1', name: 'look', input: {} } as const;
  const messages: Message[] = [
    { role: 'user', content: 'Is it?' },
    { role: 'assistant', content: [thinking, answer, redacted, call] },
    { role: 'user', content: [{ type: 'tool_result', tool_use_id: 'toolu_1', content: 'seen' }] },
    { role: 'assistant', content: 'Plain text.' },
  ];

  expect(withoutThinking(messages)).toEqual([
    messages[0],
    { role: 'assistant', content: [answer, call] },
    messages[2],
    messages[3],
  ]);
});

test('a reply that only thought is left out', () => {
  const asked: Message = { role: 'user', content: 'Is it?' };
  expect(withoutThinking([asked, { role: 'assistant', content: [thinking, redacted] }])).toEqual([
    asked,
  ]);
});

test('what there is of thinking in a conversation is not changed in place', () => {
  const messages: Message[] = [{ role: 'assistant', content: [thinking, answer] }];
  const copy = structuredClone(messages);
  withoutThinking(messages);
  expect(messages).toEqual(copy);
});
