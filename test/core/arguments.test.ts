import { describe, expect, test } from 'vitest';
import {
  functionProblem,
  given,
  jsonProblem,
  optionalTextProblem,
  recordProblem,
  rejectIf,
  textProblem,
} from '../../core/arguments.ts';

// oxlint-disable-next-line no-throw-literal, typescript/only-throw-error -- as programs do
const thrower = () => {
  throw 'no';
};

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
    expect(jsonProblem('input', { a: [1] })).toBeUndefined();
    expect(jsonProblem('input', { a: [1n] })).toMatch(/^input must be JSON: .*BigInt/);
    expect(jsonProblem('input', { toJSON: thrower })).toBe('input must be JSON: no');
  });

  test.each([
    ['a', '"a"'],
    [['a'], 'a list'],
    [() => 5, 'a function'],
    [Object.create(null), 'an object'],
    [Symbol('s'), 'Symbol(s)'],
    [undefined, 'undefined'],
  ])('is shown', (value: unknown, text) => {
    expect(given(value)).toBe(text);
  });

  test('is rejected with the first problem', () => {
    expect(() => rejectIf(RangeError, undefined, 'one', 'two')).toThrow(new RangeError('one'));
    expect(() => rejectIf(RangeError, undefined)).not.toThrow();
  });
});
