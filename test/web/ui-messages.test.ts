import { validateUIMessages } from 'ai';
import { expect, test } from 'vitest';
import { LATE_RESULT } from '../../core/calls/texts.ts';
import type { Message } from '../../core/conversation/messages.ts';
import { chatMessages } from '../../web/ui-messages.ts';

const use = (id: string) => ({ type: 'tool_use' as const, id, name: 'look', input: { id } });
const result = (id: string, isError: boolean) => ({
  type: 'tool_result' as const,
  tool_use_id: id,
  content: 'password hunter2',
  is_error: isError,
});
const image = {
  type: 'image' as const,
  source: { type: 'base64' as const, media_type: 'image/png' as const, data: 'aGk=' },
};

const conversation: Message[] = [
  { role: 'user', content: [image, { type: 'text', text: 'What is this?' }] },
  {
    role: 'assistant',
    content: [
      { type: 'thinking', thinking: 'Hm.', signature: 's' },
      { type: 'text', text: 'I look.' },
      use('toolu_1'),
      use('toolu_2'),
    ],
  },
  { role: 'user', content: [result('toolu_1', false), result('toolu_2', true)] },
  { role: 'assistant', content: 'A dog.' },
  { role: 'user', content: `${LATE_RESULT}. It comes from the tool …` },
  { role: 'assistant', content: [{ type: 'text', text: 'A small one.' }] },
  { role: 'user', content: 'Thanks.' },
  { role: 'assistant', content: [{ type: 'text', text: 'You are welcome.' }] },
];

test('a page shows what people said, and each answer with all of its rounds', async () => {
  const shown = chatMessages(conversation, { inputs: true, outputs: true, lastTurnId: 'turn-2' });
  const call = { type: 'dynamic-tool', toolName: 'look', providerExecuted: true };
  expect(shown).toEqual([
    {
      id: 'message-0',
      role: 'user',
      parts: [
        { type: 'file', mediaType: 'image/png', url: 'data:image/png;base64,aGk=' },
        { type: 'text', text: 'What is this?', state: 'done' },
      ],
    },
    {
      id: 'message-1',
      role: 'assistant',
      parts: [
        { type: 'step-start' },
        { type: 'reasoning', text: 'Hm.', state: 'done' },
        { type: 'text', text: 'I look.', state: 'done' },
        {
          ...call,
          toolCallId: 'toolu_1',
          input: { id: 'toolu_1' },
          state: 'output-available',
          output: 'password hunter2',
        },
        {
          ...call,
          toolCallId: 'toolu_2',
          input: { id: 'toolu_2' },
          state: 'output-error',
          errorText: 'The call did not succeed.',
        },
        { type: 'step-start' },
        { type: 'text', text: 'A dog.', state: 'done' },
        { type: 'step-start' },
        { type: 'text', text: 'A small one.', state: 'done' },
      ],
    },
    { id: 'message-6', role: 'user', parts: [{ type: 'text', text: 'Thanks.', state: 'done' }] },
    {
      id: 'turn-2',
      role: 'assistant',
      parts: [{ type: 'step-start' }, { type: 'text', text: 'You are welcome.', state: 'done' }],
    },
  ]);
  await expect(validateUIMessages({ messages: shown })).resolves.toHaveLength(4);
});

test('inputs and outputs stay on the server if the page may not see them', () => {
  const shown = JSON.stringify(chatMessages(conversation, { inputs: false, outputs: false }));
  expect(shown).toContain('"input":{}');
  expect(shown).not.toContain('"id":"toolu');
  expect(shown).not.toContain('hunter2');
});
