import { describe, expect, test } from 'vitest';
import type { Message, ReplyBlock } from '../../core/conversation/messages.ts';
import { call } from './arbitraries.ts';
import { complaints } from './conversation-checker.ts';

const begin: Message = { role: 'user', content: 'Begin' };
const asks: Message = { role: 'assistant', content: [call('toolu_1'), call('toolu_2')] };
const answers = (...ids: string[]): Message => ({
  role: 'user',
  content: ids.map((id) => ({ type: 'tool_result', tool_use_id: id })),
});
const says = (...content: ReplyBlock[]): Message => ({ role: 'assistant', content: content as [] });
const text = (words: string): ReplyBlock => ({ type: 'text', text: words, citations: null });
const thinking: ReplyBlock = { type: 'thinking', thinking: '', signature: 's' };
const search: ReplyBlock = {
  type: 'server_tool_use',
  id: 'srvtoolu_1',
  name: 'web_search',
  input: {},
  caller: { type: 'direct' },
};
const found: ReplyBlock = {
  type: 'web_search_tool_result',
  tool_use_id: 'srvtoolu_1',
  content: [],
  caller: { type: 'direct' },
};

describe('the checker that other tests rely on', () => {
  test('finds nothing in a conversation that the API accepts', () => {
    expect(
      complaints([
        begin,
        asks,
        answers('toolu_1', 'toolu_2'),
        says(thinking, search, found, text('a')),
      ]),
    ).toEqual([]);
  });

  test.for([
    ['a dangling call', [begin, asks]],
    ['a missing result', [begin, asks, answers('toolu_1')]],
    ['a message in between', [begin, asks, begin, answers('toolu_1', 'toolu_2')]],
    ['results in another order', [begin, asks, answers('toolu_2', 'toolu_1')]],
    ['a doubled result', [begin, asks, answers('toolu_1', 'toolu_2', 'toolu_2')]],
    ['an orphan', [begin, answers('toolu_1')]],
    [
      'an id that comes back',
      [asks, answers('toolu_1', 'toolu_2'), asks, answers('toolu_1', 'toolu_2')],
    ],
    ['an empty message', [begin, says()]],
    ['a blank text', [begin, says(text('\n'))]],
    ['thinking at the very end', [begin, says(text('a'), thinking)]],
    ['a search that is still open', [begin, says(text('a'), search)]],
  ] as const)('finds %s', ([, messages]) => {
    expect(complaints(messages)).not.toEqual([]);
  });
});
