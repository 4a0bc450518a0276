import { runInNewContext } from 'node:vm';
import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  aKindOf,
  attemptReport,
  causeChain,
  heartbeatRecord,
  isErrorValue,
  isOverloaded,
  kindOf,
} from '../../core/failures.ts';
import { timesTheUnit } from '../fixtures/cpu.ts';

const chain = (...texts: string[]): Error | undefined =>
  texts.reduceRight<Error | undefined>(
    (cause, text) => new Error(text, cause === undefined ? {} : { cause }),
    undefined,
  );

describe('the text of an error', () => {
  test('is its message', () => {
    expect(causeChain(new Error('no such table'))).toBe('no such table');
  });

  test('continues with the messages of its causes, the innermost last', () => {
    const error = chain('Activity task failed', 'fetch failed', 'connect ECONNREFUSED 10.0.0.7');

    expect(causeChain(error)).toBe(
      'Activity task failed: fetch failed: connect ECONNREFUSED 10.0.0.7',
    );
  });

  test('says only once what a wrapper repeats', () => {
    const error = chain('Query failed: no such table', 'no such table', 'no such table');

    expect(causeChain(error)).toBe('Query failed: no such table');
  });

  test('leaves out empty and blank messages', () => {
    expect(causeChain(chain('', '  ', ' disk full\n'))).toBe('disk full');
  });

  test('is the first of several errors if they have no text in common', () => {
    // This is how Node reports a refused connection to a host with two addresses.
    const error = new TypeError('fetch failed', {
      cause: new AggregateError([
        new Error('connect ECONNREFUSED ::1:5432'),
        new Error('connect ECONNREFUSED 127.0.0.1:5432'),
      ]),
    });

    expect(causeChain(error)).toBe('fetch failed: connect ECONNREFUSED ::1:5432');
  });

  test('prefers the cause of an AggregateError to its list', () => {
    const error = new AggregateError([new Error('one of many')], 'all failed', { cause: 'quota' });

    expect(causeChain(error)).toBe('all failed: quota');
  });

  test('is the name of an error without a message', () => {
    expect(causeChain(new RangeError())).toBe('RangeError');
    expect(causeChain(new AggregateError([]))).toBe('AggregateError');
  });

  test('ends if the causes form a circle', () => {
    const inner = new Error('inner');
    const outer = new Error('outer', { cause: inner });
    inner.cause = outer;

    expect(causeChain(outer)).toBe('outer: inner');
  });

  test.for([
    ['a text', 'quota exceeded', 'quota exceeded'],
    ['an object', { code: 42 }, '{"code":42}'],
    ['a number', 0, '0'],
    ['false', false, 'false'],
    ['a BigInt', 1n, '1'],
    ['a BigInt within', { id: 9_007_199_254_740_993n }, '{"id":"9007199254740993"}'],
    ['a BigInt of a million digits', 1n << 3_000_000n, 'a very large bigint'],
    ['a function', () => 'its code', 'a function'],
    ['a Map', new Map([['a', 1]]), 'a Map'],
    ['a Response', new Response('gone'), 'a Response'],
    ['bytes', new Uint8Array(50_000_000), 'a Uint8Array'],
    ['a long text as an object', { text: Object('y') as unknown }, '{"text":"y"}'],
    ['an iterator', [1].values(), 'an Array Iterator'],
    ['a list', [1, [2, new Error('three')]], '[1,[2,"three"]]'],
    ['a URL', new URL('https://a.example/'), 'https://a.example/'],
    [
      'something deep',
      { a: { b: { c: { d: { e: { f: { g: 1 } } } } } } },
      '{"a":{"b":{"c":{"d":{"e":{"f":"…"}}}}}}',
    ],
    ['a symbol', Symbol('gone'), 'Symbol(gone)'],
    ['nothing', undefined, 'unknown error'],
    ['null', null, 'unknown error'],
    ['an empty text', '', 'unknown error'],
  ])('works for a value that is not an Error: %s', ([, thrown, text]) => {
    expect(causeChain(thrown)).toBe(text);
  });

  test('is the kind of an object that contains itself', () => {
    const circular: { self?: unknown } = {};
    circular.self = circular;

    expect(causeChain(circular)).toBe('[object Object]');
  });

  test('ends with a cause that is not an error', () => {
    expect(causeChain(new Error('refused', { cause: { status: 503 } }))).toBe(
      'refused: {"status":503}',
    );
  });

  test('shows the object if the message is an object', () => {
    const error = Object.assign(new Error('will be replaced'), { message: { code: 'E1' } });

    expect(causeChain(error)).toBe('{"code":"E1"}');
  });

  test('works for an error of another realm, also as a cause', () => {
    const inner: unknown = runInNewContext(
      "new RangeError('out of stock', { cause: new Error('shelf 7') })",
    );

    expect(inner).not.toBeInstanceOf(Error);
    expect(causeChain(inner)).toBe('out of stock: shelf 7');
    expect(causeChain(new Error('order', { cause: inner }))).toBe('order: out of stock: shelf 7');
    expect(
      causeChain(runInNewContext("new AggregateError([new Error('one'), new Error('two')])")),
    ).toBe('one');
    expect(causeChain(runInNewContext('new TypeError()'))).toBe('TypeError');
    expect(causeChain({ message: 'from a thread', stack: 'Error: from a thread' })).toBe(
      'from a thread',
    );
  });

  test('leaves out what cannot be read', () => {
    const throwing = Object.defineProperty(new Error('x'), 'message', {
      get: () => {
        throw new Error('no');
      },
    });
    const { proxy, revoke } = Proxy.revocable({}, {});
    revoke();

    expect(causeChain(throwing)).toBe('Error');
    expect(causeChain(proxy)).toBe('[object Object]');
    expect(causeChain(Object.assign(new RangeError('x'), { message: null }))).toBe('RangeError');
    expect(causeChain({ reason: new RangeError() })).toBe('{"reason":"RangeError"}');
    expect(causeChain({ a: null, b: undefined })).toBe('{"a":null}');
    expect(causeChain(new Error('', { cause: null }))).toBe('Error');
    expect(isErrorValue(proxy)).toBe(false);
    expect(kindOf({ [Symbol.toStringTag]: 7 })).toBe('Object');
    expect(aKindOf(proxy)).toBe('an Object');
  });

  test('is short, and made quickly, for values of any size', () => {
    const endless = (): Error => {
      const error = new Error('again');
      return Object.defineProperty(error, 'cause', { get: endless });
    };
    const wide = { rows: Array.from({ length: 300_000 }, (_, id) => ({ id })) };
    const fields = Object.fromEntries(Array.from({ length: 1_000 }, (_, i) => [`f${i}`, i]));
    let doubled: unknown = 'x';
    for (let i = 0; i < 40; i++) doubled = [doubled, doubled];

    for (const value of [endless(), wide, fields, doubled, new Error('x'.repeat(20_000_000))]) {
      expect(causeChain(value).length).toBeLessThan(25_000);
      expect(timesTheUnit(() => causeChain(value))).toBeLessThan(60);
    }
  });

  test('is never empty and never throws, for anything that can be thrown', () => {
    const thrown = fc.letrec<{ thrown: unknown }>((tie) => ({
      thrown: fc.oneof(
        { maxDepth: 4 },
        fc.anything({ withBigInt: true, withNullPrototype: true }),
        fc.tuple(fc.string(), tie('thrown')).map(([text, cause]) => new Error(text, { cause })),
        fc.array(tie('thrown'), { maxLength: 2 }).map((errors) => new AggregateError(errors)),
      ),
    })).thrown;
    fc.assert(
      fc.property(thrown, (value) => {
        expect(causeChain(value)).not.toBe('');
      }),
    );
  });
});

describe('the mark in heartbeat details', () => {
  const mark = { attempt: 2, begun: true, details: { page: 7 } } as const;

  test('is found alone, and as the only item of a list', () => {
    expect(heartbeatRecord(mark)).toBe(mark);
    expect(heartbeatRecord([mark])).toBe(mark);
  });

  test.for([[undefined], [null], [[]], [{ page: 7 }], ['begun']])('is not in %j', ([details]) => {
    expect(heartbeatRecord(details)).toBeUndefined();
  });
});

test.for([
  [529, 'overloaded_error', true],
  [529, 'OverloadedError', true],
  [null, 'overloaded_error', true],
  [503, 'ServiceUnavailableException', true],
  [null, 'serviceUnavailableException', true],
  [429, 'rate_limit_error', false],
  [503, 'api_error', false],
] as const)('%s %s is an overload: %s', ([status, type, overloaded]) => {
  expect(isOverloaded({ status, type, errorCode: null, requestId: null })).toBe(overloaded);
});

test('the report of an attempt is read if it is one', () => {
  const report = { attempt: 2, startedAt: 10, endedAt: 20 };
  expect(attemptReport([report])).toBe(report);
  for (const details of [
    undefined,
    report,
    [],
    [null],
    [{ attempt: 2 }],
    [{ ...report, attempt: 1.5 }],
  ]) {
    expect(attemptReport(details)).toBeUndefined();
  }
});
