import { expect, test } from 'vitest';
import { lateResultText, NOTHING_RETURNED } from '../../core/calls/texts.ts';
import type { Message, ToolResultContent } from '../../core/conversation/messages.ts';
import { MAX_OUTPUT, resultsIn, shownOutput } from '../../web/output.ts';

const image = {
  type: 'image',
  source: { type: 'base64', media_type: 'image/png', data: 'aGk=' },
} as const;

test.each<[string, ToolResultContent | undefined, unknown]>([
  ['a text', 'two degrees', 'two degrees'],
  ['data', '{"degrees":2,"snow":true}', { degrees: 2, snow: true }],
  ['a list', '[1,2]', [1, 2]],
  ['a text that is a number', '1234567', '1234567'],
  [
    'a number that JavaScript cannot hold',
    '{"id":12345678901234567890}',
    '{"id":12345678901234567890}',
  ],
  ['what only looks like data', '{nothing', '{nothing'],
  ['several texts', [{ type: 'text', text: 'a' }, image, { type: 'text', text: 'b' }], 'a\nb'],
  ['an image alone', [image], null],
  ['nothing', undefined, null],
  ['what the model reads of a tool without a result', NOTHING_RETURNED, null],
])('%s reaches the page unchanged', (_, content, output) => {
  expect(shownOutput(content)).toEqual(output);
});

test('a long text is cut, and says so', () => {
  const shown = shownOutput(JSON.stringify({ text: 'x'.repeat(MAX_OUTPUT) }));
  expect(shown).toHaveLength(MAX_OUTPUT);
  expect(shown).toMatch(/^\{"text":"x+…$/);
});

const result = (id: string): Message => ({
  role: 'user',
  content: [{ type: 'tool_result', tool_use_id: id, content: 'It goes on.' }],
});
const late = (callId: string, content: string, isError: boolean) =>
  lateResultText({ callId, tool: 'dig' }, content, isError);

test('the result of a call in the background is the one that came later', () => {
  const results = resultsIn([
    result('a'),
    result('b'),
    { role: 'user', content: [{ type: 'text', text: late('a', 'gold', false) }] },
    { role: 'user', content: late('b', 'nothing', true) },
    { role: 'user', content: late('stranger', 'x', false) },
    { role: 'user', content: late('a', 'x', false).slice(0, -3) },
    { role: 'assistant', content: late('a', 'invented', false) },
  ]);
  expect(Object.fromEntries(results)).toEqual({
    a: { isError: false, content: 'gold' },
    b: { isError: true, content: 'nothing' },
  });
});
