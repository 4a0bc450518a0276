import { describe, expect, test } from 'vitest';
import { z } from 'zod';
import { checkOptions, duration, wholeNumber } from '../../agents/check-options.ts';
import { DeclarationError } from '../../agents/declaration-error.ts';

const NOT_A_DURATION =
  "must be a duration from 1 ms to 36,500 days: a number of milliseconds, or a text like '30s' or '2m'";

describe('a duration', () => {
  test.for([
    [1, 1],
    [1.5, 1.5],
    ['36500d', 3_153_600_000_000],
    [86_400_000, 86_400_000],
    ['500ms', 500],
    ['30s', 30_000],
    ['2 minutes', 120_000],
    ['1.5h', 5_400_000],
    ['100', 100],
  ] as const)('may be %j', ([given, milliseconds]) => {
    expect(duration.parse(given)).toBe(milliseconds);
  });

  test.for([
    [0, '0'],
    [0.5, '0.5'],
    [3_153_600_000_001, '3153600000001'],
    [1e300, '1e+300'],
    ['100y', '"100y"'],
    ['99999999999999y', '"99999999999999y"'],
    [-1, '-1'],
    [Number.NaN, 'NaN'],
    [Number.POSITIVE_INFINITY, 'Infinity'],
    ['', '""'],
    ['0s', '"0s"'],
    ['-2m', '"-2m"'],
    ['soon', '"soon"'],
    ['5 parsecs', '"5 parsecs"'],
  ] as const)('may not be %s', ([given, shown]) => {
    expect(() =>
      checkOptions('subject', z.strictObject({ wait: duration }), { wait: given }),
    ).toThrow(new DeclarationError(`subject: wait ${NOT_A_DURATION}; got ${shown}`));
  });

  test.for([
    ['true', true],
    ['null', null],
    ['an object', {}],
    ['nothing', undefined],
    ['a BigInt', 5n],
  ] as const)('is a number or a text, and not %s', ([, given]) => {
    expect(duration.safeParse(given).error?.issues[0]?.message).toBe(NOT_A_DURATION);
  });
});

describe('options', () => {
  const schema = z.strictObject({
    size: z.number().default(1),
    list: z.array(z.strictObject({ a: z.number() })).optional(),
    deep: z.strictObject({ deeper: z.strictObject({ b: z.number() }).optional() }).optional(),
    count: wholeNumber(1).optional(),
    share: wholeNumber(0, 100).optional(),
    mode: z.enum(['a', 'b', 'c']).optional(),
  });
  const check = (options: unknown) => checkOptions('subject', schema, options);

  test('are returned as the schema makes them', () => {
    expect(check({ deep: { deeper: { b: 2 } } })).toEqual({ size: 1, deep: { deeper: { b: 2 } } });
  });

  test.for([
    ['are not an object', undefined, 'the options must be an object; got undefined'],
    [
      'hold an unknown one',
      { seize: 1 },
      'unknown option seize; known options: size, list, deep, count, share, mode',
    ],
    [
      'hold two unknown ones',
      { deep: { x: 1, y: 1 } },
      'unknown options deep.x, deep.y; known options: deeper',
    ],
    [
      'hold an unknown one far inside',
      { deep: { deeper: { b: 1, c: 1 } } },
      'unknown option deep.deeper.c; known options: b',
    ],
    [
      'hold an unknown one in a list',
      { list: [{ a: 1, c: 2 }] },
      'unknown option list[0].c; known options: a',
    ],
    ['are wrong inside', { list: [{ a: 1 }, { a: '2' }] }, 'list[1].a must be a number; got "2"'],
    ['hold no whole number', { count: 0.5 }, 'count must be a whole number of at least 1; got 0.5'],
    ['hold too small a number', { count: 0 }, 'count must be a whole number of at least 1; got 0'],
    [
      'hold a text for a number',
      { count: '1' },
      'count must be a whole number of at least 1; got "1"',
    ],
    [
      'hold too large a number',
      { share: 101 },
      'share must be a whole number from 0 to 100; got 101',
    ],
    ['hold an unknown choice', { mode: 'd' }, 'mode must be "a", "b", or "c"; got "d"'],
    ['hold a list for a text', { mode: ['a'] }, 'mode must be "a", "b", or "c"; got an array'],
    ['hold a function for a list', { list: () => [] }, 'list must be an array; got a function'],
    ['hold a number for an object', { deep: 7 }, 'deep must be an object; got 7'],
  ] as const)('are invalid when they %s', ([, options, problem]) => {
    expect(() => check(options)).toThrow(new DeclarationError(`subject: ${problem}`));
  });

  test('are reported with every problem on a numbered line if there are several', () => {
    expect(() => check({ size: 'x', other: 1 })).toThrow(
      new DeclarationError(
        [
          'subject:',
          '1. size must be a number; got "x"',
          '2. unknown option other; known options: size, list, deep, count, share, mode',
        ].join('\n  '),
      ),
    );
  });
});
