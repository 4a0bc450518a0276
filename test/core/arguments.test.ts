import { runInNewContext } from 'node:vm';
import { describe, expect, test } from 'vitest';
import {
  functionProblem,
  given,
  jsonProblem,
  methodsProblem,
  optionalBooleanProblem,
  optionalFunctionProblem,
  optionalTextProblem,
  optionalTextsProblem,
  recordProblem,
  rejectIf,
  sourceProblem,
  textProblem,
} from '../../core/arguments.ts';

// oxlint-disable-next-line no-throw-literal, typescript/only-throw-error -- as programs do
const thrower = () => {
  throw 'no';
};

const store = () => 1;
function* generator() {}

describe('what a caller gives', () => {
  test('is an object, a text or JSON, or the problem says what it is instead', () => {
    expect(recordProblem('options', {})).toBeUndefined();
    expect(recordProblem('options', null)).toBe('options must be an object; got null');
    expect(functionProblem('run', () => 1)).toBeUndefined();
    expect(functionProblem('run', 1)).toBe('run must be a function; got 1');
    expect(textProblem('turnId', 'a')).toBeUndefined();
    expect(textProblem('turnId', 5n)).toBe('turnId must be a text; got 5');
    expect(textProblem('turnId', '')).toBe('turnId is empty');
    expect(textProblem('turnId', 'a\uD83D')).toBe('turnId holds half a character');
    expect(textProblem('turnId', 'x'.repeat(1_001))).toMatch(/1 to 1000 characters; got 1001$/);
    expect(optionalTextProblem('turnId', undefined)).toBeUndefined();
    expect(optionalTextProblem('turnId', 5)).toBe('turnId must be a text; got 5');
    expect(optionalTextProblem('key', 'abc', 2)).toBe('key must have 1 to 2 characters; got 3');
    expect(jsonProblem('input', { a: [1] })).toBeUndefined();
    expect(jsonProblem('input', { a: [1n] })).toMatch(/^input must be JSON: .*BigInt/);
    expect(jsonProblem('input', { toJSON: thrower })).toBe('input must be JSON: no');
  });

  test('is a function that can be called', () => {
    expect(functionProblem('run', Map)).toMatch(/^run must not be a class/);
    expect(functionProblem('run', generator)).toMatch(/^run must not be a generator function/);
    expect(sourceProblem('live', generator)).toBeUndefined();
    expect(sourceProblem('live', Map)).toMatch(/^live must not be a class/);
    expect(sourceProblem('live', 'x')).toBe('live must be a function; got "x"');
    expect(optionalFunctionProblem('run', undefined)).toBeUndefined();
    expect(optionalFunctionProblem('run', null)).toBe('run must be a function; got null');
  });

  test('is a list of texts, or true or false, if it is given', () => {
    expect(optionalTextsProblem('types', undefined)).toBeUndefined();
    expect(optionalTextsProblem('types', ['a'])).toBeUndefined();
    expect(optionalTextsProblem('types', 'ab')).toBe('types must be a list of texts; got "ab"');
    expect(optionalTextsProblem('types', [5])).toBe('types must be a list of texts; got a list');
    expect(optionalBooleanProblem('dryRun', undefined)).toBeUndefined();
    expect(optionalBooleanProblem('dryRun', false)).toBeUndefined();
    expect(optionalBooleanProblem('dryRun', 'false')).toBe(
      'dryRun must be true or false; got "false"',
    );
  });

  test('is an object with functions', () => {
    const storage = { methods: ['store', 'retrieve'], wanted: 'be a storage' };
    expect(methodsProblem('storage', { store, retrieve: store }, storage)).toBeUndefined();
    expect(methodsProblem('storage', { store }, storage)).toBe(
      'storage must be a storage; got an object',
    );
    expect(methodsProblem('storage', null, storage)).toBe('storage must be a storage; got null');
    expect(methodsProblem('storage', { store, retrieve: Map }, storage)).toMatch(
      /^storage\.retrieve must not be a class/,
    );
  });

  test.each<[value: unknown, kind: string]>([
    [new Map([['a', 1]]), 'input is a Map'],
    [{ a: [new Set([1])] }, 'input.a[0] is a Set'],
    [{ a: Object.assign(new Error('no'), { code: 5 }) }, 'input.a is an Error'],
    [[/x/], 'input[0] is a RegExp'],
    [Promise.resolve(), 'input is a Promise'],
    [new Uint8Array(2), 'input is a Uint8Array'],
    [runInNewContext('new Map([[1, 2]])'), 'input is a Map'],
    [{ toJSON: () => ({ a: new Map() }) }, 'input.a is a Map'],
    [{ a: thrower }, 'input.a is a function'],
    [Symbol('s'), 'input is a symbol'],
    [[Number.NaN], 'input[0] is NaN'],
    [Number.NEGATIVE_INFINITY, 'input is -Infinity'],
  ])('is not JSON if JSON would lose it: %j', (value, kind) => {
    expect(jsonProblem('input', value)).toBe(`${kind}, which JSON cannot hold: give plain data`);
  });

  test.each<[value: unknown]>([
    [undefined],
    [{ a: undefined, b: null, c: 1e21, d: [] }],
    [new Date(0)],
    [new URL('http://a')],
    [Object.assign(Object.create({ from: 'a class' }) as object, { id: 1 })],
    [Object.create(null)],
    [runInNewContext('({ a: [{}] })')],
  ])('is JSON: %j', (value) => {
    expect(jsonProblem('input', value)).toBeUndefined();
  });

  test.each([
    ['a', '"a"'],
    [['a'], 'a list'],
    [() => 5, 'a function'],
    [Object.create(null), 'an object'],
    [Symbol('s'), 'Symbol(s)'],
    [undefined, 'undefined'],
  ])('is shown in errors', (value: unknown, text) => {
    expect(given(value)).toBe(text);
  });

  test('is rejected with the first problem', () => {
    expect(() => rejectIf(RangeError, undefined, 'one', 'two')).toThrow(new RangeError('one'));
    expect(() => rejectIf(RangeError, undefined)).not.toThrow();
  });
});
