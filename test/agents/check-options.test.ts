import { describe, expect, test } from 'vitest';
import { z } from 'zod';
import { checkOptions, duration } from '../../agents/check-options.ts';
import { DeclarationError } from '../../agents/declaration-error.ts';

describe('a duration', () => {
  test.for([
    [1, 1],
    [0.5, 0.5],
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
    [-1, '-1'],
    [Number.NaN, 'NaN'],
    [Number.POSITIVE_INFINITY, 'Infinity'],
    ['', '""'],
    ['0s', '"0s"'],
    ['-2m', '"-2m"'],
    ['soon', '"soon"'],
    ['5 parsecs', '"5 parsecs"'],
  ] as const)('may not be %s', ([given, shown]) => {
    expect(duration.safeParse(given).error?.issues[0]?.message).toBe(
      `${shown} is not a duration; write milliseconds, or a text like '30s' or '2m'`,
    );
  });

  test.for([
    ['true', true],
    ['null', null],
    ['an object', {}],
    ['nothing', undefined],
    ['a BigInt', 5n],
  ] as const)('is a number or a text, and not %s', ([, given]) => {
    expect(duration.safeParse(given).error?.issues[0]?.message).toBe(
      "write milliseconds, or a text like '30s' or '2m'",
    );
  });
});

describe('options', () => {
  const schema = z.strictObject({
    size: z.number().default(1),
    list: z.array(z.strictObject({ a: z.number() })).optional(),
    deep: z.strictObject({ deeper: z.strictObject({ b: z.number() }).optional() }).optional(),
  });
  const check = (options: unknown) => checkOptions('subject', schema, options);

  test('come back as the schema makes them', () => {
    expect(check({ deep: { deeper: { b: 2 } } })).toEqual({ size: 1, deep: { deeper: { b: 2 } } });
  });

  test.for([
    ['are no object', undefined, 'Invalid input: expected object, received undefined'],
    ['hold one that is not known', { seize: 1 }, 'unknown option seize (known: size, list, deep)'],
    [
      'hold one that is not known inside',
      { deep: { x: 1 } },
      'unknown option x in deep (known: deeper)',
    ],
    [
      'hold one that is not known far inside',
      { deep: { deeper: { b: 1, c: 1 } } },
      'unknown option c in deep.deeper (known: b)',
    ],
    [
      'hold one that is not known in a list',
      { list: [{ a: 1, c: 2 }] },
      'unknown option c in list.0',
    ],
    [
      'are wrong inside',
      { list: [{ a: 1 }, { a: '2' }] },
      'list.1.a: Invalid input: expected number, received string',
    ],
    [
      'are wrong in several places',
      { size: 'x', other: 1 },
      'size: Invalid input: expected number, received string; unknown option other (known: size, list, deep)',
    ],
  ] as const)('are refused where they %s', ([, options, problem]) => {
    expect(() => check(options)).toThrow(new DeclarationError(`subject: ${problem}`));
  });
});
