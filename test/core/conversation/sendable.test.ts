import { describe, expect, test } from 'vitest';
import type { ReplyBlock } from '../../../core/conversation/messages.ts';
import { sendableContent } from '../../../core/conversation/sendable.ts';
import { call } from '../arbitraries.ts';
import { found, redacted, search, text, thinking } from '../reply-blocks.ts';

const summary = (content: string | null): ReplyBlock => ({
  type: 'compaction',
  content,
  encrypted_content: 'x',
});

describe('what goes into the conversation', () => {
  test('is a reply block for block', () => {
    const reply = [thinking, redacted, text('I look. '), search('a'), found('a'), call('toolu_1')];
    const content = sendableContent(reply);

    expect(content).toEqual(reply);
    // The very same blocks, whose key order nobody has touched.
    expect(content.every((block, i) => block === reply[i])).toBe(true);
  });

  test('is no text that nobody can see', () => {
    const content = [text(''), thinking, text('\n\n'), text('Hi'), text(' \t')];

    expect(sendableContent(content)).toEqual([thinking, text('Hi')]);
  });

  test('is a summary and the trace of one that failed, and no empty one', () => {
    const content = [summary('So far.'), summary(null), summary('')];

    expect(sendableContent(content)).toEqual([summary('So far.'), summary(null)]);
  });
});
