import { runInNewContext } from 'node:vm';
import * as fc from 'fast-check';
import { describe, expect, test, vi } from 'vitest';
import type { PresentOptions } from '../../../activities/tools/result.ts';
import {
  InvalidToolResultError,
  MAX_KEPT_BYTES,
  presentResult,
  toolResultContent,
} from '../../../activities/tools/result.ts';
import {
  DEFAULT_RESULT_BYTES,
  resultText,
  utf8Bytes,
} from '../../../core/conversation/cut-result.ts';
import { hasLoneSurrogate, jsonBytes } from '../../../core/json.ts';
import { MAX_RESULT_BYTES } from '../../../core/turn/payload-room.ts';
import { imageBlock, png } from '../../fixtures/images.ts';
import { timesTheUnit } from '../../fixtures/cpu.ts';

const NOTHING = 'The tool finished and returned nothing.';
const text = (words: string) => ({ type: 'text', text: words });
/** A list of holes. */
const withLength = (length: number): unknown[] => Object.assign([], { length });
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
    ['no number', Number.NaN, 'NaN'],
    ['numbers that JSON does not have', { a: Number.POSITIVE_INFINITY }, '{"a":"Infinity"}'],
    ['a BigInt', 9_007_199_254_740_993n, '9007199254740993'],
    ['a BigInt within', { balance: 1n }, '{"balance":"1"}'],
    ['a Map', new Map([['a', new Map([[1, 2n]])]]), '{"a":{"1":"2"}}'],
    ['a Map of objects', new Map([[{ id: 1 }, 'one']]), '[[{"id":1},"one"]]'],
    [
      'a Map whose keys are the same as texts',
      new Map<unknown, number>([
        [1, 1],
        ['1', 2],
      ]),
      '[[1,1],["1",2]]',
    ],
    ['a Map with a special key', new Map([['__proto__', 1]]), '{"__proto__":1}'],
    ['a Set', { ids: new Set([1, 2]) }, '{"ids":[1,2]}'],
    ['an Error within', { reason: new RangeError('too far') }, '{"reason":"RangeError: too far"}'],
    ['an Error of another realm', [runInNewContext("new TypeError('x')")], '["TypeError: x"]'],
    ['a Map of another realm', runInNewContext("new Map([['a', 1]])"), '{"a":1}'],
    ['plain data of another realm', runInNewContext('({ a: {} })'), '{"a":{}}'],
    ['a RegExp', [/a+/gi], '["/a+/gi"]'],
    ['a URL', { url: new URL('https://example.com/a') }, '{"url":"https://example.com/a"}'],
    ['search parameters', { query: new URLSearchParams({ a: '1' }) }, '{"query":"a=1"}'],
    ['numbers in a typed array', new Float64Array([1, 2.5]), '[1,2.5]'],
    ['BigInts in a typed array', new BigInt64Array([1n]), '["1"]'],
    ['boxed values', [Object(1), Object('a'), Object(true), Object(2n)], '[1,"a",true,"2"]'],
    ['a list with holes', Object.assign([], { 2: 'c' }), '[null,null,"c"]'],
    ['fields without a value', { a: undefined, b: [undefined] }, '{"b":[null]}'],
    ['a date within', { at: new Date(0) }, '{"at":"1970-01-01T00:00:00.000Z"}'],
    [
      'an instance with fields',
      new (class Order {
        id = 7;
      })(),
      '{"id":7}',
    ],
    [
      'the same value twice',
      [text('a'), text('a')].map((one) => ({ one, two: one })),
      '[{"one":{"type":"text","text":"a"},"two":{"type":"text","text":"a"}},{"one":{"type":"text","text":"a"},"two":{"type":"text","text":"a"}}]',
    ],
  ] as const)('is shown to the model: %s', ([, value, content]) => {
    expect(toolResultContent(value)).toBe(content);
  });

  test.for([
    ['itself', circular, 'result.self holds itself'],
    [
      'a Response',
      { page: new Response('a') },
      'result.page is a Response, which JSON cannot hold',
    ],
    ['Headers', [new Headers({ a: 'b' })], 'result[0] is a Headers, which JSON cannot hold'],
    ['a Promise', { orders: Promise.resolve([]) }, 'result.orders is a Promise'],
    ['bytes', { 'a b': new ArrayBuffer(3) }, 'result["a b"] is an ArrayBuffer, which is bytes'],
    ['a Buffer', { file: Buffer.from('a') }, 'result.file is a Buffer, which is bytes'],
    ['a Blob', { file: new Blob(['a']) }, 'result.file is a Blob'],
    ['a WeakMap', new WeakMap(), 'result is a WeakMap'],
    [
      'a generator',
      (function* () {
        yield 1;
      })(),
      'result is a Generator',
    ],
    [
      'an async generator',
      (async function* () {
        yield 1;
      })(),
      'result is an AsyncGenerator',
    ],
    ['an iterator', new Map([[1, 2]]).values(), 'result is a Map Iterator'],
    ['a method', { total: () => 5 }, 'result.total is a function'],
    ['a symbol', [Symbol('a')], 'result[0] is a symbol'],
    ['an invalid date', { at: new Date('soon') }, 'result.at is an invalid Date'],
    [
      'an instance with private state',
      {
        one: new (class Customer {
          #id = 1;
          get id() {
            return this.#id;
          }
        })(),
      },
      'result.one is a Customer, which JSON cannot hold',
    ],
    ['a Proxy of a Map', new Proxy(new Map(), {}), 'result is a Map, which JSON cannot hold'],
    [
      'a list that is used as an object',
      { byId: Object.assign([], { a7: 1 }) },
      'result.byId is an empty list with the field "a7"',
    ],
    [
      'a getter that throws',
      {
        a: [
          {
            get b() {
              throw new Error('closed');
            },
          },
        ],
      },
      'result.a[0].b cannot be read: closed',
    ],
    [
      'a huge list',
      { ids: Array.from({ length: 5 }, (): unknown => withLength(1e9)) },
      'result.ids[0] is a list of 1000000000 values',
    ],
    ['a huge number', 1n << 4_000_000n, 'result is a bigint of more than'],
    [
      'too many fields',
      { byId: Object.fromEntries(Array.from({ length: 50_001 }, (_, i) => [i, i])) },
      'result.byId has 50001 fields: return a list, or fewer',
    ],
    [
      'too many entries',
      { byId: new Map(Array.from({ length: 50_001 }, (_, i) => [i, i])) },
      'result.byId has 50001 entries: return fewer',
    ],
    [
      'search parameters that are too long',
      [new URLSearchParams({ query: 'x'.repeat(600_000) })],
      'result[0] is a URLSearchParams of more than 500000 characters',
    ],
    ['too much text', ['\u0001'.repeat(4_000_000)], 'it has more than 20000000 bytes: return less'],
    [
      'a list without end',
      (() => {
        let deep: unknown[] = [];
        for (let i = 0; i < 9_999; i++) deep = [deep];
        return deep;
      })(),
      'result[0][0][0]',
    ],
    [
      'a JSON that throws',
      {
        toJSON: () => {
          throw new Error('not loaded');
        },
      },
      'result cannot be read: not loaded',
    ],
  ] as const)('is invalid if it contains %s', ([, value, problem]) => {
    expect(() => toolResultContent(value)).toThrow(InvalidToolResultError);
    expect(() => toolResultContent(value)).toThrow(
      `The tool ran, but its result cannot be turned into JSON: ${problem}`,
    );
  });

  test.for([
    ['a function', () => 1],
    ['a symbol', Symbol('a')],
  ] as const)('is invalid if it is %s', ([kind, value]) => {
    expect(() => toolResultContent(value)).toThrow(
      new InvalidToolResultError(
        `The tool ran, but its result cannot be turned into JSON: result is ${kind}`,
      ),
    );
  });
});

const image = imageBlock(png());

describe('content blocks that a tool returns', () => {
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
    ['an empty text, which the API rejects', [text('')]],
    ['a text that is a number', [{ type: 'text', text: 7 }]],
    ['an image without a source', [{ type: 'image', url: 'https://example.com' }]],
    ['a document of which only the name is known', [{ type: 'document', source: 'a.pdf' }]],
    ['a search result without a title', [{ type: 'search_result', source: 'a', content: [] }]],
    ['rows of a table that has a column type', [{ type: 'order', id: 1 }]],
  ] as const)('are treated as data if they are not quite right: %s', ([, value]) => {
    expect(toolResultContent(value)).toBe(JSON.stringify(value));
  });
});

describe('an image or a document', () => {
  const image = imageBlock(png());
  const json = (value: unknown) => text(JSON.stringify(value));

  test.for([
    ['alone', image, [image]],
    ['beside an empty text', [text(''), image], [image]],
    ['beside a text', ['The page:', image], [text('The page:'), image]],
    ['beside nothing', [null, image, undefined], [image]],
    ['beside a text with other fields', [{ ...text('a'), extra: 1 }, image], [text('a'), image]],
    ['beside data', [{ id: 1 }, image, 7], [json({ id: 1 }), image, text('7')]],
    [
      'within data',
      { pages: [{ n: 1, shot: image }], cover: image },
      [
        json({
          pages: [{ n: 1, shot: '[image 1 of this result: see below]' }],
          cover: '[image 2 of this result: see below]',
        }),
        image,
        image,
      ],
    ],
    [
      'of an MCP server',
      { content: [{ type: 'image', mimeType: 'image/png', data: image.source.data }] },
      [json({ content: ['[image 1 of this result: see below]'] }), image],
    ],
    [
      'in a Map',
      new Map([['shot', image]]),
      [json({ shot: '[image 1 of this result: see below]' }), image],
    ],
  ] as const)('stays one %s', ([, value, blocks]) => {
    expect(toolResultContent(value)).toEqual(blocks);
  });

  test.for([
    [
      'another field',
      [{ ...image, alt: 'a' }],
      'result[0] is an image with a field that the API does not take: alt',
    ],
    [
      'another field in its source',
      { a: { ...image, source: { ...image.source, url: 'x' } } },
      'result.a is an image with a field that the API does not take: url',
    ],
    [
      'no media type',
      { type: 'image', source: { type: 'base64', data: 'AAAA' } },
      'result is an image that the API does not take',
    ],
    [
      'wrong bytes',
      { a: [{ ...image, source: { ...image.source, data: 'AAAA' } }] },
      'cannot be shown to you: ',
    ],
    [
      'a media type that is not an image',
      [{ type: 'image', mimeType: 'text/html', data: 'AAAA' }],
      'cannot be shown to you: ',
    ],
  ] as const)('with %s fails in words', ([, value, words]) => {
    expect(() => toolResultContent(value)).toThrow(InvalidToolResultError);
    expect(() => toolResultContent(value)).toThrow(words);
  });
});

test.for([
  ['a list of holes', () => withLength(4e9)],
  ['a typed array', () => new Float64Array(3_000_000)],
  ['a long list', () => Array.from({ length: 400_000 }, (_, id) => id)],
  ['many rows', () => Array.from({ length: 30_000 }, (_, id) => ({ id, name: `n${id}` }))],
  ['a large Set', () => new Set(Array.from({ length: 300_000 }, (_, id) => id))],
  [
    'a list that grows with every level',
    () => {
      let doubled: unknown = 'x';
      for (let i = 0; i < 60; i++) doubled = [doubled, doubled];
      return doubled;
    },
  ],
  ['a long text', () => 'x'.repeat(60_000_000)],
  ['a long Chinese text', () => '漢'.repeat(24_000_000)],
  ['a long text of control characters', () => ({ text: '\u0001'.repeat(19_000_000) })],
  ['a long text of halves of pairs', () => ({ text: '\ud83d'.repeat(19_000_000) })],
  ['a field with a long name', () => ({ ['x'.repeat(50_000_000)]: 1 })],
  [
    'an object with many fields',
    () => Object.fromEntries(Array.from({ length: 60_000 }, (_, i) => [`k${i}`, i])),
  ],
  ['many large numbers', () => Array.from({ length: 1_600 }, () => 2n ** 39_990n)],
  ['long search parameters', () => new URLSearchParams({ query: '🧵'.repeat(5_000_000) })],
  ['many blocks', () => Array.from({ length: 33_000 }, () => text('a'))],
  [
    'many images that look like photographs',
    () =>
      Array.from({ length: 900 }, () => ({
        type: 'image',
        source: {
          type: 'base64',
          media_type: 'image/jpeg',
          data: Buffer.from([0xff, 0xd8, ...Array<number>(11_002).fill(0xff)]).toString('base64'),
        },
      })),
  ],
  ['a Proxy that is endlessly long', () => new Proxy([], { get: () => Number.POSITIVE_INFINITY })],
] as const)('a worker is not blocked by %s', ([, make]) => {
  const value = make();
  const times = timesTheUnit(() => {
    try {
      toolResultContent(value);
    } catch (error) {
      expect(error).toBeInstanceOf(InvalidToolResultError);
    }
  });
  expect(times).toBeLessThan(60);
});

test('anything that a tool returns is shown, or rejected in words', () => {
  const anything = fc.anything({
    withBigInt: true,
    withDate: true,
    withMap: true,
    withSet: true,
    withTypedArray: true,
    withSparseArray: true,
    withNullPrototype: true,
    withBoxedValues: true,
    withObjectString: true,
    maxDepth: 5,
  });
  const hostile = fc.oneof(
    anything,
    anything.map((value) => new Proxy(Object(value) as object, {})),
    anything.map((value) => ({
      get value() {
        return value;
      },
    })),
    anything.map((value) => ({ toJSON: () => value })),
    anything.map((value) => new Error('failed', { cause: value })),
  );
  fc.assert(
    fc.property(hostile, (value) => {
      let words: unknown;
      try {
        words = toolResultContent(value);
      } catch (error) {
        expect(error).toBeInstanceOf(InvalidToolResultError);
        words = (error as Error).message;
        expect(words).toMatch(/^The tool ran, but /);
      }
      expect(JSON.stringify(words).length).toBeGreaterThan(2);
    }),
    { numRuns: 1_000 },
  );
});

describe('half an emoji, for which the API would reject every request,', () => {
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

  test('is not a whole emoji', () => {
    expect(toolResultContent('🧵')).toBe('🧵');
    expect(toolResultContent([text('🧵')])).toEqual([text('🧵')]);
  });
});

const tooLarge = (bytes: number) =>
  new InvalidToolResultError(
    `The tool ran, but its result of ${bytes} bytes is above the limit of ${MAX_RESULT_BYTES}. Ask for less, or in parts.`,
  );

describe('a result that is too large', () => {
  test('is measured in bytes, not in characters', () => {
    const value = '日'.repeat(700_000);

    expect(value.length).toBeLessThan(MAX_RESULT_BYTES);
    expect(() => toolResultContent(value)).toThrow(tooLarge(jsonBytes(value)));
  });

  test('is invalid as data and as blocks', () => {
    const large = 'x'.repeat(MAX_RESULT_BYTES);

    expect(() => toolResultContent({ large })).toThrow(InvalidToolResultError);
    expect(() => toolResultContent([text(large)])).toThrow(InvalidToolResultError);
  });

  test('is not one at the limit itself', () => {
    const value = 'x'.repeat(MAX_RESULT_BYTES - 2);

    expect(toolResultContent(value)).toBe(value);
    expect(() => toolResultContent(`${value}x`)).toThrow(tooLarge(MAX_RESULT_BYTES + 1));
  });
});

/** Remembers what it is given to keep. */
function memory(): PresentOptions['store'] & { texts: string[] } {
  const texts: string[] = [];
  return {
    texts,
    hasStorage: true,
    takeOut: (value) => Promise.resolve(value),
    keep(text) {
      texts.push(text);
      return Promise.resolve({ digest: 'd', claim: { key: 'k' }, bytes: utf8Bytes(text) });
    },
  };
}
const noStorage: PresentOptions['store'] = {
  hasStorage: false,
  takeOut: (value) => Promise.resolve(value),
  keep: () => Promise.reject(new Error('there is no storage')),
};
const failing = (keep: () => Promise<never>): PresentOptions['store'] => ({
  hasStorage: true,
  takeOut: (value) => Promise.resolve(value),
  keep,
});
const callId = 'toolu_01';
const shownOf = async (value: unknown, options: Partial<PresentOptions> = {}) =>
  resultText((await presentResult(value, { callId, store: noStorage, ...options })).content);

describe('a result that the model sees', () => {
  test('is whole up to the limit of its tool, and nothing of it is kept', async () => {
    const store = memory();

    for (const value of ['x'.repeat(1_000), { orders: [] }, [text('Here:'), image], undefined]) {
      const presented = await presentResult(value, { callId, maxResultBytes: 1_000, store });
      expect(presented).toEqual({ content: toolResultContent(value) });
    }
    expect(store.texts).toEqual([]);
  });

  test('is cut above the limit, and says how to read what is kept of it', async () => {
    const store = memory();
    const value = 'x'.repeat(5_000);

    const { content, stored } = await presentResult(value, { callId, maxResultBytes: 300, store });

    expect(content).toBe(
      `${'x'.repeat(200)}\n[… 4,700 of 5,000 bytes are left out here. Read them with read_result {"id":"toolu_01","offset":200}; they end at offset 4900. …]\n${'x'.repeat(100)}`,
    );
    expect(stored).toEqual({ callId, digest: 'd', claim: { key: 'k' }, bytes: 5_000 });
    expect(store.texts).toEqual([value]);
  });

  test('has a default limit if the tool names none', async () => {
    const shown = await shownOf('x'.repeat(DEFAULT_RESULT_BYTES + 1_000));

    expect(utf8Bytes(shown)).toBeLessThan(DEFAULT_RESULT_BYTES + 300);
  });

  test('is kept with all its texts if it has several, and its images pass', async () => {
    const store = memory();
    const value = [text('one'), image, text('y'.repeat(5_000)), text('two')];

    const { content } = await presentResult(value, { callId, maxResultBytes: 2_000, store });

    expect(content).toMatchObject([value[0], image, { type: 'text' }, value[3]]);
    expect(store.texts).toEqual([`one\n${'y'.repeat(5_000)}\ntwo`]);
  });

  test('is cut as JSON if it is data', async () => {
    const store = memory();
    const rows = Array.from({ length: 500 }, (_, id) => ({ id }));

    await presentResult(rows, { callId, maxResultBytes: 300, store });

    expect(store.texts).toEqual([JSON.stringify(rows)]);
  });

  test('may be larger than any payload, if it is text', async () => {
    const store = memory();
    const value = 'x'.repeat(3_000_000);

    const { content, stored } = await presentResult(value, { callId, store });

    expect(jsonBytes(content)).toBeLessThan(MAX_RESULT_BYTES);
    expect(stored?.bytes).toBe(3_000_000);
  });

  test.for([
    ['text', 'x'.repeat(50_000)],
    ['text that is longer in JSON', '"\n'.repeat(25_000)],
    ['text that is six times as long in JSON', '\u0001'.repeat(50_000)],
    ['many texts', Array.from({ length: 30 }, () => text('x'.repeat(5_000)))],
    ['text beside an image', [image, text('x'.repeat(50_000))]],
  ] as const)('is cut to what a wide batch leaves to each: %s', async ([, value]) => {
    const payloadLimit = 20_000;
    const store = memory();

    const { content, stored } = await presentResult(value, { callId, payloadLimit, store });

    expect(jsonBytes(content)).toBeLessThanOrEqual(payloadLimit);
    expect(jsonBytes(content)).toBeGreaterThan(payloadLimit * 0.6);
    expect(stored).toBeDefined();
  });

  test('is invalid if it does not fit into a payload even without its text', async () => {
    const large = imageBlock(png({ bytes: MAX_RESULT_BYTES }));
    const value = [large, text('x'.repeat(1_000))];
    const failing: PresentOptions['store'] = {
      ...memory(),
      takeOut: () => Promise.reject(new Error('the storage is away')),
    };

    for (const store of [noStorage, failing]) {
      await expect(presentResult(value, { callId, store })).rejects.toEqual(
        new InvalidToolResultError(
          `The tool ran, but its result of ${jsonBytes(value)} bytes is above the limit of ${MAX_RESULT_BYTES}, and its images and documents are not in a storage of the worker. Ask for less, or in parts.`,
        ),
      );
    }
  });

  test('has its large images in the storage, which leaves room for its text', async () => {
    const large = imageBlock(png({ bytes: MAX_RESULT_BYTES }));
    const stored = [{ ...image, source: { ...image.source, data: 'stored' } }];
    const store = { ...memory(), takeOut: <T>() => Promise.resolve(stored as T) };

    expect(await presentResult([large], { callId, store })).toEqual({ content: stored });
  });

  test('is invalid if the API would reject its image, with the place and the reason', async () => {
    const jpeg = { ...image, source: { ...image.source, media_type: 'image/jpeg' } };
    const value = [text('The page:'), jpeg];

    await expect(presentResult(value, { callId, store: memory() })).rejects.toEqual(
      new InvalidToolResultError(
        'The tool ran, but what it returned cannot be shown to you: result[1] is declared as image/jpeg, but its bytes are those of image/png.',
      ),
    );
  });

  test('is invalid if what its texts carry does not fit into a payload', async () => {
    const cited = { ...text('x'.repeat(2_000)), citations: ['y'.repeat(3_000)] };

    await expect(
      presentResult([cited], { callId, payloadLimit: 2_500, store: noStorage }),
    ).rejects.toThrow(InvalidToolResultError);
  });
});

describe('the rest of a result that is cut', () => {
  const value = 'x'.repeat(5_000);

  test('is lost without a storage, and the model reads that', async () => {
    expect(await shownOf(value, { maxResultBytes: 300 })).toContain(
      'The result is above the limit of this tool. Ask for less, or in parts. …]',
    );
  });

  test('is lost if the storage fails, but the call has still succeeded', async () => {
    const store = failing(() => Promise.reject(new Error('connection refused')));

    const presented = await presentResult(value, { callId, maxResultBytes: 300, store });

    expect(presented).toEqual({
      content: expect.stringContaining(
        'above the limit of this tool, and the rest could not be kept. Ask for less, or in parts. …]',
      ) as string,
    });
  });

  test('is lost if the storage hangs, before the call runs out of time', async () => {
    vi.useFakeTimers();
    try {
      const store = failing(() => new Promise<never>(() => undefined));
      const shown = shownOf(value, { maxResultBytes: 300, store });
      await vi.advanceTimersByTimeAsync(10_000);
      expect(await shown).toContain('the rest could not be kept');
    } finally {
      vi.useRealTimers();
    }
  });

  test('is not kept if it is too long for that', async () => {
    const store = memory();

    expect(await shownOf('x'.repeat(MAX_KEPT_BYTES), { store })).toContain(
      'above the limit of this tool, and too long to be kept. Ask for less, or in parts. …]',
    );
    expect(store.texts).toEqual([]);
  });
});
