import { describe, expect, test } from 'vitest';
import type { InputBlock, Message, ReplyBlock } from '../../../core/conversation/messages.ts';
import { closeConversation } from '../../../core/conversation/close-conversation.ts';
import { call } from '../arbitraries.ts';
import { found, redacted, search, text, thinking } from '../reply-blocks.ts';

const summary: ReplyBlock = { type: 'compaction', content: 'So far.', encrypted_content: 'x' };

const hello: Message = { role: 'user', content: 'Hello' };
const assistant = (...content: ReplyBlock[]): Message => ({
  role: 'assistant',
  content: content as InputBlock[],
});
const results: Message = {
  role: 'user',
  content: [{ type: 'tool_result', tool_use_id: 'toolu_1', content: 'x' }],
};

describe('a conversation whose turn has ended', () => {
  test.for([
    [
      'stays as it is where nothing is open',
      [hello, assistant(text('a'), thinking, text('b'))],
      [hello, assistant(text('a'), thinking, text('b'))],
    ],
    [
      'has no search that was left open',
      [hello, assistant(text('a'), search('a'), search('b'), found('b'))],
      [hello, assistant(text('a'), search('b'), found('b'))],
    ],
    [
      'has a search that a later reply answered',
      [hello, assistant(search('a')), assistant(found('a'), text('x'))],
      [hello, assistant(search('a')), assistant(found('a'), text('x'))],
    ],
    [
      'keeps the calls beside an open search, and their results',
      [hello, assistant(search('a'), call('toolu_1')), results],
      [hello, assistant(call('toolu_1')), results],
    ],
    [
      'has no thinking at its end',
      [hello, assistant(thinking, text('a'), thinking, redacted)],
      [hello, assistant(thinking, text('a'))],
    ],
    [
      'has no reply of which nothing is left',
      [hello, assistant(thinking, search('a')), assistant(thinking)],
      [hello],
    ],
    [
      'keeps a summary that stands alone',
      [hello, assistant(summary, thinking)],
      [hello, assistant(summary)],
    ],
    ['may be empty', [], []],
  ] as const)('%s', ([, messages, closed]) => {
    expect(closeConversation(messages)).toEqual(closed);
  });

  test('is a new list, and the messages are not changed', () => {
    const messages = [hello, assistant(text('a'), thinking)];

    closeConversation(messages);

    expect(messages).toEqual([hello, assistant(text('a'), thinking)]);
  });
});
