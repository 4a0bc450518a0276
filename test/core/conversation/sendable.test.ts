import { describe, expect, test } from 'vitest';
import type { InputBlock, Message, ReplyBlock } from '../../../core/conversation/messages.ts';
import {
  closeConversation,
  sendableContent,
  textsBeforeCalls,
  withoutThinking,
} from '../../../core/conversation/sendable.ts';
import { call } from '../arbitraries.ts';
import { found, redacted, search, text, thinking } from '../reply-blocks.ts';

const summary = (content: string | null): ReplyBlock => ({
  type: 'compaction',
  content,
  encrypted_content: 'x',
});

describe('the part of a reply that goes into the conversation', () => {
  test('is the reply block for block', () => {
    const reply = [thinking, redacted, text('I look. '), search('a'), found('a'), call('toolu_1')];
    const content = sendableContent(reply);

    expect(content).toEqual(reply);
    // The very same blocks, whose key order nobody has touched.
    expect(content.every((block, i) => block === reply[i])).toBe(true);
  });

  test('has no text without a visible character', () => {
    const content = [text(''), thinking, text('\n\n'), text('Hi'), text(' \t')];

    expect(sendableContent(content)).toEqual([thinking, text('Hi')]);
  });

  test('includes a summary and a failed one, but no empty one', () => {
    const content = [summary('So far.'), summary(null), summary('')];

    expect(sendableContent(content)).toEqual([summary('So far.'), summary(null)]);
  });
});

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
      [hello, assistant(summary('So far.'), thinking)],
      [hello, assistant(summary('So far.'))],
    ],
    ['may be empty', [], []],
  ] as const)('%s', ([, messages, closed]) => {
    expect(closeConversation(messages)).toEqual(closed);
  });

  test('is a new list, with unchanged messages', () => {
    const messages = [hello, assistant(text('a'), thinking)];

    closeConversation(messages);

    expect(messages).toEqual([hello, assistant(text('a'), thinking)]);
  });
});

test('a conversation without its thinking keeps everything else, in order', () => {
  const said: Message = { role: 'assistant', content: 'Plain text.' };
  const answer = text('Yes.');
  const messages = [hello, assistant(thinking, answer, redacted, call('toolu_1')), results, said];

  expect(withoutThinking(messages)).toEqual([
    hello,
    assistant(answer, call('toolu_1')),
    results,
    said,
  ]);
});

test('a reply with nothing but thinking is left out', () => {
  expect(withoutThinking([hello, assistant(thinking, redacted)])).toEqual([hello]);
});

test('removing thinking does not change the given conversation', () => {
  const messages = [assistant(thinking, text('Yes.'))];
  const copy = structuredClone(messages);
  withoutThinking(messages);
  expect(messages).toEqual(copy);
});

const REJECTION =
  'messages.1: `tool_use` ids were found without `tool_result` blocks immediately after: toolu_1. Each `tool_use` block must have a corresponding `tool_result` block in the next message.';

const [a, b] = [call('toolu_1'), call('toolu_2')];

const conversation = (...content: ReplyBlock[]): Message[] => [
  hello,
  assistant(...content),
  results,
  { role: 'assistant', content: 'Done.' },
];

describe('if the API misses results', () => {
  test('texts after calls move before them, and calls and texts keep their order', () => {
    const sent = conversation(thinking, a, text('So.'), b, text('There.'));

    expect(textsBeforeCalls(sent, REJECTION)).toEqual(
      conversation(thinking, text('So.'), text('There.'), a, b),
    );
  });

  test('what comes after thinking stays there, since thinking is bound to what comes before it', () => {
    const sent = conversation(text('One.'), a, thinking, text('Two.'), b);

    expect(textsBeforeCalls(sent, REJECTION)).toBeUndefined();
  });

  test('nothing moves if no text comes after a call', () => {
    expect(textsBeforeCalls(conversation(text('So.'), a), REJECTION)).toBeUndefined();
  });
});

test('a conversation that the API rejects for another reason does not change', () => {
  expect(textsBeforeCalls(conversation(a, text('So.')), 'prompt is too long')).toBeUndefined();
});
