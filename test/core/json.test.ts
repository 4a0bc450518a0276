import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  beginningOf,
  canonicalJson,
  defined,
  hasLoneSurrogate,
  isRecord,
  jsonBytes,
  placeOfHalf,
  shorten,
  wellFormed,
} from '../../core/json.ts';

/** Any string, half surrogate pairs included. */
const anyText = fc
  .array(fc.oneof(fc.integer({ min: 0, max: 0xffff }), fc.integer({ min: 0xd7f0, max: 0xe010 })))
  .map((units) => String.fromCharCode(...units));
const anyJson = fc.letrec<{ value: unknown }>((tie) => ({
  value: fc.oneof(
    { maxDepth: 3, withCrossShrink: true },
    fc.oneof(anyText, fc.double(), fc.integer(), fc.boolean(), fc.constant(null)),
    fc.array(tie('value'), { maxLength: 4 }),
    fc.dictionary(anyText, tie('value'), { maxKeys: 4 }),
  ),
})).value;

describe('the bytes of a value', () => {
  test.for([
    ['plain ASCII', 'abc'],
    ['two bytes a character', 'Grüße'],
    ['three bytes a character', '日本語'],
    ['four bytes a character', '👩‍🚀🧵'],
    [
      'the last and first characters of each length',
      '\u007f\u0080\u07ff\u0800\uffff\u{10000}\u{10ffff}',
    ],
    ['half a pair, which JSON escapes', '\ud83e and \uddf5'],
    ['escapes', '"\\\n\u0000'],
    ['nested values', { a: [1.5, null, { ü: '€' }], b: true }],
  ])('are counted for %s', ([, value]) => {
    expect(jsonBytes(value)).toBe(Buffer.byteLength(JSON.stringify(value)));
  });

  test('are 0 if a value has no JSON', () => {
    expect([jsonBytes(undefined), jsonBytes(() => 1)]).toEqual([0, 0]);
  });

  test('are those of its JSON in UTF-8, for any JSON', () => {
    fc.assert(
      fc.property(anyJson, (value) => {
        expect(jsonBytes(value)).toBe(Buffer.byteLength(JSON.stringify(value)));
      }),
    );
  });
});

describe('canonical JSON', () => {
  test('does not depend on the order of keys, at any depth', () => {
    const one = canonicalJson({ b: 1, a: [{ d: 1, c: 2 }] });

    expect(one).toBe('{"a":[{"c":2,"d":1}],"b":1}');
    expect(canonicalJson({ a: [{ c: 2, d: 1 }], b: 1 })).toBe(one);
  });

  test('keeps the order of lists', () => {
    expect(canonicalJson([2, 1])).toBe('[2,1]');
  });

  test('keeps a key that is named __proto__', () => {
    expect(canonicalJson(JSON.parse('{"b":1,"__proto__":2}'))).toBe('{"__proto__":2,"b":1}');
  });

  test('is the same for any value with its keys reversed, and loses nothing', () => {
    const turnedRound = (value: unknown): unknown => {
      if (Array.isArray(value)) return value.map(turnedRound);
      if (!isRecord(value)) return value;
      return Object.fromEntries(
        Object.entries(value)
          .toReversed()
          .map(([key, inner]) => [key, turnedRound(inner)]),
      );
    };
    fc.assert(
      fc.property(anyJson, (value) => {
        const json = canonicalJson(value);
        expect(canonicalJson(turnedRound(value))).toBe(json);
        expect(JSON.parse(json)).toEqual(JSON.parse(JSON.stringify(value)));
      }),
    );
  });
});

describe('a record', () => {
  test.for([
    ['an object', {}, true],
    ['an object without a prototype', Object.create(null), true],
    ['a list', [], false],
    ['null', null, false],
    ['a text', 'a', false],
    ['a function', () => 1, false],
    ['undefined', undefined, false],
  ] as const)('is distinguished from other values: %s', ([, value, expected]) => {
    expect(isRecord(value)).toBe(expected);
  });
});

describe('half a surrogate pair', () => {
  test.for([
    ['a text', 'a\ud83e'],
    ['the second half', '\uddf5'],
    ['two halves in the wrong order', '\uddf5\ud83e'],
    ['a nested text', { a: [{ b: 'x\ud800y' }] }],
    ['a key', { '\ud800': 1 }],
    ['after a backslash', '\\\ud83e'],
  ])('is found in %s', ([, value]) => {
    expect(hasLoneSurrogate(value)).toBe(true);
  });

  test.for([
    ['a whole pair', '🧵'],
    ['the spelling of an escape', '\\ud83e'],
    ['the spelling of an escape after backslashes', '\\\\\\ud83e'],
    ['no value', undefined],
  ])('is not found in %s', ([, value]) => {
    expect(hasLoneSurrogate(value)).toBe(false);
  });

  test('is found exactly if a text is not well formed', () => {
    fc.assert(
      fc.property(anyText, (text) => {
        expect(hasLoneSurrogate([text])).toBe(!text.isWellFormed());
      }),
    );
  });
});

describe('a text that is shortened', () => {
  test('does not change up to the limit', () => {
    expect(shorten('abc', 3)).toBe('abc');
  });

  test('ends with an ellipsis beyond it', () => {
    expect(shorten('abcd', 3)).toBe('ab…');
  });

  test('holds no half emoji if the cut goes through one', () => {
    expect(shorten('a🧵bc', 3)).toBe('a\ufffd…');
  });

  test('keeps to the limit and holds no half pair, for any text', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), fc.integer({ min: 1, max: 20 }), (text, limit) => {
        const short = shorten(text, limit);
        expect(short.length).toBeLessThanOrEqual(limit);
        expect(short.isWellFormed()).toBe(true);
        if (text.length > limit) expect(short.endsWith('…')).toBe(true);
        else expect(short).toBe(text);
      }),
    );
  });
});

describe('defined', () => {
  test('keeps the fields that have a value, in order, including null and 0', () => {
    const fields = defined({ a: undefined, b: null, c: 0, d: '', e: false, f: undefined });
    expect(Object.entries(fields)).toEqual([
      ['b', null],
      ['c', 0],
      ['d', ''],
      ['e', false],
    ]);
  });
});

describe('the beginning of a text from outside', () => {
  test('is one short line, whatever the text is', () => {
    expect(beginningOf(' <html>\r\n\u0007  <body>\u009b2J')).toBe('<html> <body> 2J');
    expect(beginningOf('a'.repeat(1_000))).toBe(`${'a'.repeat(199)}…`);
    expect(beginningOf(`${'a'.repeat(399)}🧵`)).toHaveLength(200);
    expect(beginningOf('\ud83d')).toBe('\ufffd');
  });
});

describe('half an emoji', () => {
  test.for<[value: unknown, place: string | undefined, mended: unknown]>([
    ['cut \ud83d', 'it', 'cut \ufffd'],
    ['whole 🧵', undefined, 'whole 🧵'],
    [{ a: [1, { b: '\udc00' }] }, 'it.a[1].b', { a: [1, { b: '\ufffd' }] }],
    [{ 'k\ud83d': 1 }, 'it.k\ud83d', { 'k\ufffd': 1 }],
    [null, undefined, null],
    [7, undefined, 7],
  ])('is found and replaced: %j', ([value, place, mended]) => {
    expect(placeOfHalf(value, 'it')).toBe(place);
    expect(wellFormed(value)).toEqual(mended);
  });

  test('has a place that begins with the given name', () => {
    expect(placeOfHalf({ system: '\ud83d' }, '')).toBe('system');
  });

  test('is nowhere afterwards, and a value without one stays the same object', () => {
    fc.assert(
      fc.property(anyJson, (value) => {
        const mended = wellFormed(value);
        expect(hasLoneSurrogate(mended)).toBe(false);
        expect(placeOfHalf(mended, 'it')).toBeUndefined();
        if (!hasLoneSurrogate(value)) expect(mended).toBe(value);
      }),
    );
  });
});
