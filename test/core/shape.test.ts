import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { Shape } from '../../core/shape.ts';
import {
  anything,
  argument,
  bool,
  byType,
  closed,
  either,
  fits,
  list,
  misfit,
  misfitCarried,
  nullable,
  number,
  object,
  oneOf,
  optional,
  record,
  said,
  someText,
  text,
  tuple,
  Unreadable,
  whole,
} from '../../core/shape.ts';

type Pet = { type: 'cat'; lives: number } | { type: 'dog'; name: string };

const PET = byType<Pet>({ cat: { lives: whole(1, 9) }, dog: { name: someText(10) } });
const OWNER = object<{ name: string; pets: Pet[]; nickname?: string }>({
  name: text(),
  pets: list(PET, 2),
  nickname: optional(text(5)),
});

describe('a value that does not fit is reported with its place', () => {
  test.for<[shape: Shape<unknown>, value: unknown, problem: string | undefined]>([
    [OWNER, { name: 'Ana', pets: [{ type: 'cat', lives: 9 }] }, undefined],
    [OWNER, { name: 'Ana', pets: [], more: 1 }, undefined],
    [OWNER, null, 'the argument must be an object'],
    [OWNER, [], 'the argument must be an object'],
    [OWNER, Uint8Array.of(1), 'the argument must be an object'],
    [OWNER, { pets: [] }, 'name must be a text'],
    [OWNER, { name: 'Ana', pets: {} }, 'pets must be a list'],
    [OWNER, { name: 'Ana', pets: [1, 2, 3] }, 'pets must have at most 2 items'],
    [OWNER, { name: 'Ana', pets: [7] }, 'pets[0] must be an object'],
    [OWNER, { name: 'Ana', pets: [{}] }, 'pets[0].type must be one of cat, dog'],
    [OWNER, { name: 'Ana', pets: [{ type: 'toString' }] }, 'pets[0].type must be one of cat, dog'],
    [
      OWNER,
      { name: 'Ana', pets: [{ type: 'cat', lives: 0 }] },
      'pets[0].lives must be a whole number from 1 to 9',
    ],
    [
      OWNER,
      { name: 'Ana', pets: [{ type: 'dog', name: ' ' }] },
      'pets[0].name must be a text of 1 to 10 characters',
    ],
    [
      OWNER,
      { name: 'Ana', pets: [], nickname: 'Anastasia' },
      'nickname must be a text of at most 5 characters',
    ],
    [closed('a box', { lid: bool }), { lid: true }, undefined],
    [closed('a box', { lid: bool }), { lid: 1 }, 'lid must be true or false'],
    [closed('a box', { lid: bool }), 'box', 'the argument must be an object'],
    [
      closed('a box', { lid: bool }),
      { lid: true, key: 1, '': 2 },
      'unknown field key, ; a box takes lid',
    ],
    [
      closed('a box', {}),
      { a: 1, b: 2, c: 3, d: 4, e: 5, f: 6, g: 7 },
      'unknown field a, b, c, d, e and 2 more; a box takes ',
    ],
    [
      argument('open takes one argument: { lid }', closed('a box', { lid: bool })),
      5,
      'open takes one argument: { lid }',
    ],
    [
      argument('open takes one argument: { lid }', closed('a box', { lid: bool })),
      { lid: false },
      undefined,
    ],
    [record(number()), { a: 1, b: 'x' }, 'b must be a number'],
    [record(number()), [], 'the argument must be an object'],
    [record(number()), { a: 1 }, undefined],
    [number(0), -1, 'the argument must be a number of at least 0'],
    [number(Number.NEGATIVE_INFINITY, 5), 6, 'the argument must be a number of at most 5'],
    [number(0, 1), Number.NaN, 'the argument must be a number from 0 to 1'],
    [number(), Number.POSITIVE_INFINITY, 'the argument must be a number'],
    [whole(), 1.5, 'the argument must be a whole number of at least 0'],
    [whole(), 1e300, 'the argument must be a whole number of at least 0'],
    [oneOf('a', 'b'), 'c', 'the argument must be one of a, b'],
    [oneOf(true), false, 'the argument must be true'],
    [nullable(text()), null, undefined],
    [nullable(text()), 5, 'the argument must be a text'],
    [either(text(), number()), 5, undefined],
    [either(text(), number()), 'x', undefined],
    [either(text(), number()), null, 'the argument must be a number'],
    [tuple(text(), optional(number())), ['a'], undefined],
    [tuple(text(), optional(number())), ['a', 'b'], '[1] must be a number'],
    [tuple(text()), ['a', 'b'], 'the argument must be a list of 1'],
    [tuple(text()), 'a', 'the argument must be a list of 1'],
    [said('be a colour', text()), 5, 'the argument must be a colour'],
    [said('be a colour', text()), 'red', undefined],
    [anything, undefined, undefined],
  ])('%# %o', ([shape, value, problem]) => {
    expect(misfit(shape, value, 'it')).toBe(problem);
    expect(fits(shape, value)).toBe(problem === undefined);
  });
});

function nested(levels: number): unknown {
  let value: unknown = 'deep';
  for (let i = 0; i < levels; i += 1) value = i % 2 === 0 ? [value] : { value };
  return value;
}

const rows = (count: number) => Array.from({ length: count }, () => ({}));
const endless: Shape<unknown> = () => 'x'.repeat(1_000_000);

describe('a value that would block a worker does not fit', () => {
  test.for<[value: () => unknown, problem: string | undefined]>([
    [() => rows(99_998), undefined],
    [() => rows(100_001), 'it has more than 100000 values'],
    [
      () => Object.fromEntries(rows(100_001).map((row, i) => [`k${i}`, row])),
      'it has more than 100000 values',
    ],
    [() => ({ text: 'x'.repeat(9_999_990) }), undefined],
    [() => ({ text: 'x'.repeat(10_000_000) }), 'it has more than 10000000 characters of text'],
    [() => ({ ['x'.repeat(10_000_001)]: 1 }), 'it has more than 10000000 characters of text'],
    [
      () => ['x'.repeat(9_000_000), 'x'.repeat(9_000_000), 'y'],
      'it has more than 10000000 characters of text',
    ],
    // Of files the doors say how large they may be.
    [() => ({ media_type: 'image/png', data: 'x'.repeat(11_000_000) }), undefined],
  ])('%#', ([value, problem]) => {
    expect(misfit(anything, value(), 'it')).toBe(problem);
    // What Plait hands on itself has its own limits.
    expect(misfitCarried(anything, value(), 'it')).toBeUndefined();
  });

  test('and the problem is a short text', () => {
    expect(misfit(endless, 7, 'it')).toHaveLength(2_000);
  });
});

test('a value that cannot be walked is not walked', () => {
  expect(misfit(anything, new Unreadable('Unknown encoding: x'), 'the argument of send')).toBe(
    'the argument of send cannot be read: Unknown encoding: x',
  );
  expect(misfit(anything, nested(500), 'it')).toBeUndefined();
  expect(misfit(anything, nested(501), 'it')).toBe('it is nested more than 500 levels deep');
  expect(misfitCarried(anything, nested(2_000), 'it')).toBeUndefined();
  expect(misfitCarried(OWNER, nested(50_000), 'it')).toBe(
    'it is nested more than 2000 levels deep',
  );
  expect(misfitCarried(OWNER, { name: 1 }, 'carried')).toBe('carried.name must be a text');
  expect(misfitCarried(OWNER, 7, 'carried')).toBe('carried must be an object');
  const circular: Record<string, unknown> = { name: 'Ana' };
  circular['self'] = { circular };
  expect(misfit(anything, circular, 'it')).toBe('it is nested more than 500 levels deep');
});

test('no value makes a shape throw or take long', () => {
  const shapes = [OWNER, PET, closed('a box', { lid: bool }), record(text()), tuple(text(), PET)];
  fc.assert(
    fc.property(
      fc.constantFrom<Shape<unknown>>(...shapes),
      fc.anything({ withBigInt: true, withTypedArray: true, withNullPrototype: true }),
      (shape, value) => {
        expect(typeof (misfit(shape, value, 'it') ?? '')).toBe('string');
      },
    ),
    { numRuns: 5_000 },
  );
});
