import { expect, test } from 'vitest';
import { readToolReturn } from '../../../core/calls/tool-call.ts';

const report = { attempt: 1, startedAt: 10, endedAt: 20 };
const result = { ...report, type: 'result', content: 'ok' };
const question = { type: 'url', server: 'desk', message: 'm', url: 'https://a.example' };
const asks = { ...report, type: 'asks', asks: { questions: [{ key: 'a', question }], state: 's' } };
const later = { ...report, type: 'later', later: { key: 'k', timeout: 5 } };

test('the result of a tool is read unchanged', () => {
  expect(readToolReturn(result)).toEqual(result);
  expect(readToolReturn(later)).toEqual(later);
  expect(readToolReturn(asks)).toEqual(asks);
});

test('a result that was recorded without a type gets the type that its fields show', () => {
  const { type: _, ...recordedResult } = result;
  const { type: __, ...recordedLater } = later;
  expect(readToolReturn(recordedResult)).toEqual(result);
  expect(readToolReturn(recordedLater)).toEqual(later);
});

test.for([
  ['a text', 'done'],
  ['nothing', undefined],
  ['JSON of another kind', { content: 'ok' }],
  ['a report alone', report],
  ['a result without content', { ...report, type: 'result' }],
  ['a content that is a number', { ...result, content: 5 }],
  ['a time that is a word', { ...result, startedAt: 'soon' }],
  ['a time that no date has', { ...result, endedAt: 1e300 }],
  ['an attempt that is not a number', { ...result, attempt: Number.NaN }],
  ['questions without any', { ...report, type: 'asks' }],
  ['a later without a key', { ...report, type: 'later' }],
] as const)(
  'a value that somebody completed an activity with by hand is not a result of a tool: %s',
  ([, value]) => {
    expect(readToolReturn(value)).toBeUndefined();
  },
);
