import { describe, expect, test } from 'vitest';
import type { ReplyBlock } from '../../core/messages.ts';
import { sendableContent } from '../../core/sendable-content.ts';
import { call } from './arbitraries.ts';

const direct = { type: 'direct' } as const;
const text = (words: string): ReplyBlock => ({ type: 'text', text: words, citations: null });
const thinking: ReplyBlock = { type: 'thinking', thinking: '', signature: 's' };
const redacted: ReplyBlock = { type: 'redacted_thinking', data: 'x' };
const search = (id: string): ReplyBlock => ({
  type: 'server_tool_use',
  id,
  name: 'web_search',
  input: {},
  caller: direct,
});
const found = (id: string): ReplyBlock => ({
  type: 'web_search_tool_result',
  tool_use_id: id,
  content: [],
  caller: direct,
});

describe('what goes into the conversation', () => {
  const reply = [thinking, redacted, text('I look. '), search('a'), found('a'), call('toolu_1')];

  test.for([true, false])(
    'is a reply block for block, whether it ends the turn: %s',
    (endsTurn) => {
      const content = sendableContent(reply, endsTurn);

      expect(content).toEqual(reply);
      // The very same blocks, whose key order nobody has touched.
      expect(content.every((block, i) => block === reply[i])).toBe(true);
    },
  );

  test.for([true, false])(
    'is no text that nobody can see, whether it ends the turn: %s',
    (endsTurn) => {
      const content = [text(''), thinking, text('\n\n'), text('Hi'), text(' \t')];

      expect(sendableContent(content, endsTurn)).toEqual([thinking, text('Hi')]);
    },
  );

  test('is everything else while the turn goes on', () => {
    const content = [search('a'), search('b'), found('b'), thinking];

    expect(sendableContent(content, false)).toEqual(content);
  });

  test.for([
    [
      'no search that was left open',
      [text('a'), search('a'), search('b'), found('b')],
      [text('a'), search('b'), found('b')],
    ],
    ['no thinking at its end', [thinking, text('a'), thinking, redacted], [thinking, text('a')]],
    [
      'no thinking that stood before what was left out',
      [text('a'), thinking, search('a'), redacted, text(' ')],
      [text('a')],
    ],
    ['nothing where nothing but thinking came', [thinking, redacted], []],
    ['nothing where nothing came', [], []],
  ] as const)('is, where the turn ends, %s', ([, content, expected]) => {
    expect(sendableContent(content, true)).toEqual(expected);
  });

  test('leaves the reply itself as it is', () => {
    const content = [text(''), text('a'), thinking];

    sendableContent(content, true);

    expect(content).toEqual([text(''), text('a'), thinking]);
  });
});
