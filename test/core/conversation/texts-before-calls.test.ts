import { describe, expect, test } from 'vitest';
import type { InputBlock, Message } from '../../../core/conversation/messages.ts';
import { textsBeforeCalls } from '../../../core/conversation/texts-before-calls.ts';

const REFUSAL =
  'messages.1: `tool_use` ids were found without `tool_result` blocks immediately after: toolu_1. Each `tool_use` block must have a corresponding `tool_result` block in the next message.';

const text = (words: string): InputBlock => ({ type: 'text', text: words });
const call = (id: string): InputBlock => ({ type: 'tool_use', id, name: 'look', input: {} });
const thinking: InputBlock = { type: 'thinking', thinking: '', signature: 's' };
const [a, b] = [call('toolu_1'), call('toolu_2')];

function conversation(...content: InputBlock[]): Message[] {
  return [
    { role: 'user', content: 'go' },
    { role: 'assistant', content },
    { role: 'user', content: [{ type: 'tool_result', tool_use_id: 'toolu_1', content: 'ok' }] },
    { role: 'assistant', content: 'Done.' },
  ];
}

describe('where the API misses results', () => {
  test('texts behind calls stand before them, and calls and texts keep their order', () => {
    const sent = conversation(thinking, a, text('So.'), b, text('There.'));

    expect(textsBeforeCalls(sent, REFUSAL)).toEqual(
      conversation(thinking, text('So.'), text('There.'), a, b),
    );
  });

  test('what stands behind thinking stays there, since that is bound to what comes before it', () => {
    const sent = conversation(text('One.'), a, thinking, text('Two.'), b);

    expect(textsBeforeCalls(sent, REFUSAL)).toBeUndefined();
  });

  test('there is nothing to move where no text stands behind a call', () => {
    expect(textsBeforeCalls(conversation(text('So.'), a), REFUSAL)).toBeUndefined();
  });
});

test('what the API refuses for another reason is left as it is', () => {
  expect(textsBeforeCalls(conversation(a, text('So.')), 'prompt is too long')).toBeUndefined();
});
