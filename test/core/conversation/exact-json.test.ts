import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  compactJson,
  exactText,
  findInexact,
  inexactOf,
  hasMoreValues,
  isNestedDeeper,
  memberTexts,
  trustedTexts,
} from '../../../core/conversation/exact-json.ts';

const nested = (depth: number) => `${'['.repeat(depth)}${']'.repeat(depth)}`;

describe('the JSON text of a value that JavaScript can hold', () => {
  test.for([
    '{}',
    ' { "a" : [ 1 , 2.5, -3 , true, false, null ] , "b": { "c": "x y" } }\n',
    '{"e":"\\u00e9\\/\\n\\"\\\\", "long": "\\ud83e\\uddf5"}',
    '{"n": 9007199254740991, "m": -9007199254740994, "e": 0.1}',
  ])('is not kept: %s', (text) => {
    expect(exactText(text, JSON.parse(text))).toBeUndefined();
  });

  test('is not kept, whatever the value, and is compact', () => {
    fc.assert(
      fc.property(fc.json(), fc.constantFrom(0, 1, 4), (json, indent) => {
        const value: unknown = JSON.parse(json);
        const text = JSON.stringify(value, null, indent);
        expect(exactText(text, JSON.parse(text))).toBeUndefined();
        expect(compactJson(text)).toBe(JSON.stringify(JSON.parse(text)));
      }),
    );
  });
});

describe('the JSON text of a value that JavaScript cannot hold is kept:', () => {
  test.for([
    ['a long number', '{"id": 9100200300400500601}', '{"id":9100200300400500601}'],
    ['an overflow', '{"a": [1e400]}', '{"a":[1e400]}'],
    ['an underflow', '{"a":1e-400}', '{"a":1e-400}'],
    ['a fraction of zeros', '{"price": 1.0}', '{"price":1.0}'],
    ['a negative zero', '{"a":-0}', '{"a":-0}'],
    ['an exponent', '{"a":1E5}', '{"a":1E5}'],
    ['keys that are digits', '{"2": "b", "1": "a"}', '{"2":"b","1":"a"}'],
    ['a key that comes twice', '{"a": 1, "a": 2}', '{"a":1,"a":2}'],
    [
      'with the texts around it as JSON.stringify writes them',
      '{"a\\u0062": 1.0, "\\/": "\\u00e9"}',
      '{"ab":1.0,"/":"é"}',
    ],
  ] as const)('%s', ([, text, compact]) => {
    expect(exactText(text, JSON.parse(text))).toBe(compact);
    expect(JSON.stringify(JSON.parse(compact))).toBe(JSON.stringify(JSON.parse(text)));
  });
});

describe('a number arrives as the model wrote it', () => {
  test.for([
    '0',
    '-0',
    '0.000e7',
    '1.0',
    '9007199254740991',
    '9007199254740994',
    '-18446744073709551616',
    '0.1234567890123456789012345',
    '4503599627370497.3',
    '1e23',
    '6.02214076e23',
    '10e22',
    '1.7976931348623157e308',
    '5e-324',
    '0.99999999999999999999',
  ])('%s', (literal) => {
    expect(findInexact(`{"a":${literal}}`)).toBeUndefined();
  });
});

describe('a number would be changed', () => {
  test.for([
    '9007199254740993',
    '-9007199254740993',
    '9007199254740993.0',
    '9007199254740993e0',
    '9100200300400500601',
    '9.100200300400500601e18',
    '123456789012345678901234567890',
    '18446744073709551615',
    '1e400',
    '-1e400',
    '1e-400',
    `0.${'0'.repeat(400)}1`,
    '9'.repeat(400),
  ])('%s', (literal) => {
    expect(findInexact(`{"b":1,"order":{"items":[{},{"id":${literal}}]}}`)).toEqual({
      type: 'number',
      path: 'order.items[1].id',
      literal,
    });
  });
});

describe('a key that comes twice', () => {
  test('is found with its place', () => {
    expect(findInexact('{"a":1,"b":[{"c":1,"\\u0063":2}]}')).toEqual({
      type: 'duplicate key',
      path: 'b[0].c',
    });
    expect(findInexact('{"__proto__":1,"__proto__":2}')).toMatchObject({ path: '__proto__' });
  });

  test('is allowed in another object', () => {
    expect(findInexact('{"a":{"a":[{"a":1},{"a":"a"}]},"b":"a"}')).toBeUndefined();
  });

  test('does not hide a number before it', () => {
    expect(findInexact('{"a":1e999,"a":2}')).toMatchObject({ type: 'number' });
    expect(findInexact('{"a":1,"a":2,"b":1e999}')).toMatchObject({ type: 'duplicate key' });
  });
});

test('a text and the value read from it are the same, or the difference is named', () => {
  for (const text of ['{"a": 1}', '{"a": 1.0}', nested(5_000)]) {
    expect(inexactOf(text, JSON.parse(text))).toBeUndefined();
  }
  const text = '{"a": 1e400}';
  expect(inexactOf(text, JSON.parse(text))).toMatchObject({ path: 'a' });
});

describe('the members of an object in a text', () => {
  const text = '{ "x": {"y": [0, {"a": 1.0, "b": {"a": [ 2 ]}, "c": "}"}]}, "a": 3 }';

  test("are found by the object's place", () => {
    expect([...memberTexts(text, ['x', 'y', 1])]).toEqual([
      ['a', '1.0'],
      ['b', '{"a":[2]}'],
      ['c', '"}"'],
    ]);
    expect([...memberTexts(text, []).keys()]).toEqual(['x', 'a']);
  });

  test('are empty where there is no object', () => {
    expect(memberTexts(text, ['x', 'y']).size).toBe(0);
    expect(memberTexts(text, ['z']).size).toBe(0);
    expect([...memberTexts('{"a":1.0,"a":2.0}', [])]).toEqual([['a', '2.0']]);
  });
});

const block = (input: unknown, plait_json: unknown) => ({ type: 'tool_use', input, plait_json });

describe('the kept texts of a block count', () => {
  test.for([
    [{ id: 9_100_200_300_400_501_000 }, '{"id":9100200300400500601}'],
    [{ a: null }, '{"a":1e400}'],
    [{ 1: 'a', 2: 'b' }, '{"2":"b","1":"a"}'],
    [{ a: 2 }, '{"a":1,"a":2}'],
  ] as const)('if they have the same value: %j', ([input, text]) => {
    expect(trustedTexts(block(input, { input: text }))).toEqual([['input', text]]);
  });

  test.for([
    ['another value', { a: 1 }, { input: '{"a":2}' }],
    ['more than the value', { a: 1 }, { input: '{"a":1,"b":2}' }],
    ['two values', { a: 1 }, { input: '{"a":1},{"a":1}' }],
    ['not JSON', { a: 1 }, { input: '{"a":1' }],
    ['not a text', { a: 1 }, { input: { a: 1 } }],
    ['a field that is not there', { a: 1 }, { output: '1' }],
    ['nothing of that kind', { a: 1 }, '{"a":1}'],
    ['a deep value', JSON.parse(nested(5_000)), { input: nested(5_000) }],
    ['a deep text', {}, { input: nested(5_000) }],
  ])('unless they are %s', ([, input, texts]) => {
    expect(trustedTexts(block(input, texts))).toEqual([]);
  });

  test('only if there are any', () => {
    expect(trustedTexts({ type: 'tool_use', input: {} })).toEqual([]);
  });
});

describe('nesting', () => {
  test('is measured up to the limit, however deep it is', () => {
    expect(isNestedDeeper(JSON.parse(nested(200)))).toBe(false);
    expect(isNestedDeeper(JSON.parse(nested(201)))).toBe(true);
    expect(isNestedDeeper(JSON.parse(nested(100_000)))).toBe(true);
    expect(isNestedDeeper([[1], { a: { b: [] } }], 4)).toBe(false);
    expect(isNestedDeeper([[1], { a: { b: [] } }], 3)).toBe(true);
    expect(isNestedDeeper('text')).toBe(false);
    expect(isNestedDeeper(null)).toBe(false);
  });

  test.for([
    ['a number', 7, 1],
    ['an empty list', [], 1],
    ['a list', [1, null, 'a'], 4],
    ['an object in a list', [{ a: { b: [] } }], 4],
  ] as const)('includes a count of values: %s', ([, value, count]) => {
    expect(hasMoreValues(value, count)).toBe(false);
    expect(hasMoreValues(value, count - 1)).toBe(true);
  });
});

// A time that grew with the square of the text would outlast the test.
describe('texts of megabytes are read to their end:', () => {
  const million = 1_000_000;
  test.for([
    ['digits', `{"a":${'9'.repeat(million)}}`],
    ['digits of a fraction', `{"a":0.${'1'.repeat(million)}}`],
    ['zeros between digits', `{"a":1${'0'.repeat(million)}1e-999990}`],
    ['backslashes', `{"a":"${'\\\\'.repeat(million)}"}`],
    ['spaces', `{"a":1${' '.repeat(million)}}`],
    ['keys', `{${Array.from({ length: 100_000 }, (_, i) => `"k${i}":1`).join(',')}}`],
    ['brackets', `{"a":${nested(million / 2)}}`],
  ] as const)('%s', ([, text]) => {
    findInexact(text);
    expect(compactJson(text).length).toBeLessThanOrEqual(text.length);
    expect(memberTexts(text, ['a'])).toBeDefined();
  });
});
