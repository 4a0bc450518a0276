import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { InvalidToolResultError, toolResultContent } from '../../activities/tool-result.ts';
import { hasLoneSurrogate, jsonBytes } from '../../core/json.ts';
import { MAX_RESULT_BYTES } from '../../core/turn-limits.ts';

const NOTHING = 'The tool finished and returned nothing.';
const text = (words: string) => ({ type: 'text', text: words });
const circular: Record<string, unknown> = { name: 'a' };
circular['self'] = circular;

describe('what a tool returns', () => {
  test.for([
    ['a text', '2 orders', '2 orders'],
    ['a blank text', ' ', NOTHING],
    ['nothing', undefined, NOTHING],
    ['null', null, NOTHING],
    ['an empty text', '', NOTHING],
    ['a number', 0, '0'],
    ['a boolean', false, 'false'],
    ['an object', { orders: [{ id: 1 }] }, '{"orders":[{"id":1}]}'],
    ['an empty object', {}, '{}'],
    ['an empty list', [], '[]'],
    ['a list', [1, 'a', null], '[1,"a",null]'],
    ['a date', new Date(Date.UTC(2026, 10, 22)), '"2026-11-22T00:00:00.000Z"'],
    ['something with a JSON of its own', { toJSON: () => ({ a: 1 }) }, '{"a":1}'],
    ['no number', Number.NaN, 'null'],
  ] as const)('is told to the model: %s', ([, value, content]) => {
    expect(toolResultContent(value)).toBe(content);
  });

  test.for([
    ['a BigInt', { balance: 1n }, 'Do not know how to serialize a BigInt'],
    ['itself', circular, 'Converting circular structure to JSON'],
    [
      'a JSON that throws',
      {
        toJSON: () => {
          throw new Error('not loaded');
        },
      },
      'not loaded',
    ],
  ] as const)('is refused where it holds %s', ([, value, problem]) => {
    expect(() => toolResultContent(value)).toThrow(InvalidToolResultError);
    expect(() => toolResultContent(value)).toThrow(
      `The tool ran, but its result cannot be turned into JSON: ${problem}`,
    );
  });

  test.for([
    ['a function', () => 1],
    ['a symbol', Symbol('a')],
  ] as const)('is refused where it is %s', ([kind, value]) => {
    expect(() => toolResultContent(value)).toThrow(
      new InvalidToolResultError(
        `The tool ran, but its result cannot be turned into JSON: ${kind} has no JSON`,
      ),
    );
  });
});

describe('content blocks that a tool returns', () => {
  const image = {
    type: 'image',
    source: { type: 'base64', media_type: 'image/png', data: 'iVBO' },
  };
  const document = { type: 'document', source: { type: 'url', url: 'https://example.com/a.pdf' } };
  const found = {
    type: 'search_result',
    source: 'https://example.com',
    title: 'Orders',
    content: [text('2 orders')],
  };

  test('are given to the model as they are', () => {
    const blocks = [text('Here:'), image, document, found];

    expect(toolResultContent(blocks)).toEqual(blocks);
  });

  test.for([
    ['one that is in no list', text('Hello')],
    ['a list with other things in it', [text('Hello'), 'and more']],
    ['a list with null in it', [null]],
    ['a block of another type', [{ type: 'thinking', thinking: '' }]],
    ['a result within a result', [{ type: 'tool_result', tool_use_id: 'toolu_1' }]],
    ['an empty text, which the API refuses', [text('')]],
    ['a text that is none', [{ type: 'text', text: 7 }]],
    ['an image without a source', [{ type: 'image', url: 'https://example.com' }]],
    ['a document of which only the name is known', [{ type: 'document', source: 'a.pdf' }]],
    ['a search result without a title', [{ type: 'search_result', source: 'a', content: [] }]],
    ['rows of a table that has a column type', [{ type: 'order', id: 1 }]],
  ] as const)('are taken for data where they are not quite: %s', ([, value]) => {
    expect(toolResultContent(value)).toBe(JSON.stringify(value));
  });
});

describe('half an emoji, which the API would refuse for ever,', () => {
  test('is replaced in a text', () => {
    expect(toolResultContent('thread \ud83e')).toBe('thread \ufffd');
  });

  test('is replaced at any depth of a block', () => {
    const found = {
      type: 'search_result',
      source: 'a',
      title: '\uddf5',
      content: [text('\ud83e.')],
    };

    expect(toolResultContent([found])).toEqual([
      { ...found, title: '\ufffd', content: [text('\ufffd.')] },
    ]);
  });

  test('is spelled out in JSON', () => {
    expect(toolResultContent({ note: '\ud83e' })).toBe('{"note":"\\ud83e"}');
  });

  test('is never left, for any text, data or block', () => {
    const anyText = fc
      .array(fc.integer({ min: 0xd780, max: 0xe080 }), { minLength: 1 })
      .map((units) => String.fromCharCode(...units));
    fc.assert(
      fc.property(anyText, (words) => {
        for (const value of [words, { words }, [words], [text(words)]]) {
          expect(hasLoneSurrogate(toolResultContent(value))).toBe(false);
        }
      }),
    );
  });

  test('is no whole emoji', () => {
    expect(toolResultContent('🧵')).toBe('🧵');
    expect(toolResultContent([text('🧵')])).toEqual([text('🧵')]);
  });
});

const tooLarge = (bytes: number) =>
  new InvalidToolResultError(
    `The tool ran, but its result of ${bytes} bytes is above the limit of ${MAX_RESULT_BYTES}. Ask for less, or in parts.`,
  );

describe('a result that is too large', () => {
  test('is refused by its bytes and not by its characters', () => {
    const value = '日'.repeat(700_000);

    expect(value.length).toBeLessThan(MAX_RESULT_BYTES);
    expect(() => toolResultContent(value)).toThrow(tooLarge(jsonBytes(value)));
  });

  test('is refused as data and as blocks', () => {
    const large = 'x'.repeat(MAX_RESULT_BYTES);

    expect(() => toolResultContent({ large })).toThrow(InvalidToolResultError);
    expect(() => toolResultContent([text(large)])).toThrow(InvalidToolResultError);
  });

  test('is none up to the limit', () => {
    const value = 'x'.repeat(MAX_RESULT_BYTES - 2);

    expect(toolResultContent(value)).toBe(value);
    expect(() => toolResultContent(`${value}x`)).toThrow(tooLarge(MAX_RESULT_BYTES + 1));
  });
});
