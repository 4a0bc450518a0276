import { describe, expect, test } from 'vitest';
import type { ReplyBlock } from '../../../core/conversation/messages.ts';
import { textOf, toolUses } from '../../../core/conversation/messages.ts';
import { call } from '../arbitraries.ts';

const reply: ReplyBlock[] = [
  { type: 'thinking', thinking: 'Let me see.', signature: 'sig' },
  { type: 'text', text: 'I look ', citations: null },
  call('toolu_1'),
  {
    type: 'server_tool_use',
    id: 'srvtoolu_1',
    name: 'web_search',
    input: {},
    caller: { type: 'direct' },
  },
  { type: 'text', text: 'it up.', citations: null },
  call('toolu_2'),
];

describe('the blocks of a reply', () => {
  test('include the calls that Plait has to run, in order', () => {
    expect(toolUses(reply).map(({ id }) => id)).toEqual(['toolu_1', 'toolu_2']);
  });

  test('include the text that a person may read', () => {
    expect(textOf(reply)).toBe('I look it up.');
  });

  test('may include neither', () => {
    expect([toolUses([]), textOf([])]).toEqual([[], '']);
  });
});
