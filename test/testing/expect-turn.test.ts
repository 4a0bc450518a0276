import { AssertionError } from 'node:assert';
import { describe, expect, test } from 'vitest';
import type { CallRecord } from '../../core/calls/record.ts';
import type { TurnResult } from '../../core/turn/result.ts';
import type { Message } from '../../core/conversation/messages.ts';
import { timingOf } from '../../core/turn/timing.ts';
import { NO_USAGE } from '../../core/turn/usage.ts';
import { expectTurn } from '../../testing/expect-turn.ts';

const start = '2026-11-22T10:00:00.000Z';
const call = (round: number, name: string, input: unknown, rest: Partial<CallRecord> = {}) => ({
  id: `toolu_${round}_${name}_${JSON.stringify(input).length}`,
  name,
  input,
  outcome: 'succeeded' as const,
  round,
  attempts: 1,
  start,
  end: start,
  ...rest,
});

const refused = 'connection refused to orders-db (after 3 attempts)';
const calls = [
  call(1, 'get_customer', { customer_id: 7 }),
  call(1, 'get_orders', { customer_id: 7 }, { outcome: 'failed', message: refused, attempts: 3 }),
  call(2, 'get_orders', { customer_id: 7, cached: true }),
  call(3, 'refund', { order: 'A-17' }, { outcome: 'unknown', message: 'may or may not have' }),
];

const ask = (...asked: CallRecord[]): Message => ({
  role: 'assistant',
  content: asked.map(({ id, name, input }) => ({ type: 'tool_use', id, name, input })),
});
const answer = (...asked: CallRecord[]): Message => ({
  role: 'user',
  content: asked.map(({ id, message }) => ({
    type: 'tool_result',
    tool_use_id: id,
    content: message ?? [{ type: 'text', text: 'order A-17' }],
  })),
});
const round = (number: number): Message[] => {
  const asked = calls.filter((one) => one.round === number);
  return [ask(...asked), answer(...asked)];
};

const hello: Message = { role: 'user', content: 'Where is my order?' };
const messages = [1, 2, 3].flatMap(round);
const result: TurnResult = {
  agent: 'support',
  stopReason: 'end_turn',
  text: 'Refunded.',
  messages: [hello, ...messages, { role: 'assistant', content: 'Refunded.' }],
  rounds: 4,
  usage: NO_USAGE,
  timing: timingOf(undefined, 0),
  calls,
};

/** The first line of the failure. The others list the calls, which is checked here for every failure. */
function failure(assertion: () => unknown): string {
  try {
    assertion();
  } catch (error) {
    expect(error).toBeInstanceOf(AssertionError);
    const [first = '', ...others] = (error as AssertionError).message.split('\n');
    expect(others.join('\n')).toBe(`
The turn of support ended with end_turn after 4 rounds. Its calls:
  round 1  get_customer {"customer_id":7} -> succeeded
  round 1  get_orders {"customer_id":7} -> failed (3 attempts): ${refused}
  round 2  get_orders {"customer_id":7,"cached":true} -> succeeded
  round 3  refund {"order":"A-17"} -> unknown: may or may not have`);
    return first;
  }
  throw new Error('The assertion should have failed.');
}

test('a turn that did what is expected passes every assertion in one chain', () => {
  expectTurn(result)
    .ended('end_turn')
    .called('get_customer', { customer_id: 7 })
    .called('get_orders', { cached: true, customer_id: 7 })
    .neverCalled('refund', { order: 'A-18' })
    .neverCalled('delete_customer')
    .calledTogether('get_orders', 'get_customer')
    .calledInOrder('get_customer', ['get_orders', { customer_id: 7, cached: true }], 'refund')
    .outcome(['get_orders', { customer_id: 7 }], 'failed', /refused to \w+-db/)
    .outcome('get_customer', 'succeeded', 'A-17')
    .outcome('refund', 'unknown')
    .attempts(['get_orders', { customer_id: 7 }], 3)
    .answeredEveryCall();
});

test('ended() says how the turn did end', () => {
  expect(failure(() => expectTurn(result).ended('max_rounds'))).toBe(
    'expected the turn to end with max_rounds, but it ended with end_turn.',
  );
});

test('ended() says that a turn failed, whose progress has no stop reason', () => {
  const { stopReason: _, ...progress } = result;
  expect(() => expectTurn({ ...progress, calls: [], rounds: 1 }).ended('end_turn')).toThrow(
    'expected the turn to end with end_turn, but it failed.\n\nThe turn of support failed after 1 round, without any call.',
  );
});

describe('called() and neverCalled()', () => {
  test('say which tool was not called', () => {
    expect(failure(() => expectTurn(result).called('get_tickets'))).toBe(
      'expected a call of get_tickets, but there was none.',
    );
  });

  test('compare the whole input', () => {
    expect(failure(() => expectTurn(result).called('refund', { order: 'A-18' }))).toBe(
      'expected a call of refund {"order":"A-18"}, but there was none.',
    );
    expect(failure(() => expectTurn(result).neverCalled('get_orders', { customer_id: 7 }))).toBe(
      'expected no call of get_orders {"customer_id":7}, but there was one.',
    );
  });

  test('count the unexpected calls', () => {
    expect(failure(() => expectTurn(result).neverCalled('get_orders'))).toBe(
      'expected no call of get_orders, but there were 2.',
    );
  });
});

describe('calledTogether()', () => {
  test('requires them in one round', () => {
    expect(failure(() => expectTurn(result).calledTogether('get_customer', 'refund'))).toBe(
      'expected get_customer and refund to be called in one round, but no round has all of them.',
    );
  });

  test('requires a different call for each', () => {
    expect(failure(() => expectTurn(result).calledTogether('get_orders', 'get_orders'))).toContain(
      'no round has all of them',
    );
    const twice = {
      ...result,
      calls: [call(1, 'look', { page: 1 }), call(1, 'look', { page: 2 })],
    };
    expectTurn(twice).calledTogether('look', ['look', { page: 1 }]);
  });
});

describe('calledInOrder()', () => {
  test('requires each in a later round than the one before', () => {
    expect(failure(() => expectTurn(result).calledInOrder('refund', 'get_customer'))).toBe(
      'expected a call of get_customer in a round after refund (round 3), but there was none later.',
    );
    expect(failure(() => expectTurn(result).calledInOrder('get_customer', 'get_tickets'))).toBe(
      'expected a call of get_tickets in a round after get_customer (round 1), but there was none.',
    );
  });

  test('does not count two calls of one round as an order', () => {
    const first = ['get_orders', { customer_id: 7 }] as const;
    expect(failure(() => expectTurn(result).calledInOrder('get_customer', first))).toContain(
      'but there was none later',
    );
  });
});

describe('outcome() and attempts()', () => {
  test('say how the call ended', () => {
    expect(failure(() => expectTurn(result).outcome('refund', 'succeeded'))).toBe(
      'expected refund to end with succeeded, but it ended with unknown.',
    );
  });

  test('hold for every call that matches', () => {
    expect(failure(() => expectTurn(result).outcome('get_orders', 'succeeded'))).toBe(
      'expected get_orders to end with succeeded, but it ended with failed.',
    );
    expect(failure(() => expectTurn(result).attempts('get_orders', 3))).toBe(
      'expected get_orders to take 3 attempts, but it took 3, 1.',
    );
  });

  test('say what the model reads as the result', () => {
    expect(failure(() => expectTurn(result).outcome('refund', 'unknown', /timed out/))).toBe(
      'expected the result of refund to contain /timed out/, but it is "may or may not have".',
    );
    expect(failure(() => expectTurn(result).outcome('get_customer', 'succeeded', 'Ada'))).toBe(
      'expected the result of get_customer to contain "Ada", but it is "order A-17".',
    );
  });

  test('require at least one call', () => {
    expect(failure(() => expectTurn(result).outcome('get_tickets', 'failed'))).toBe(
      'expected a call of get_tickets, but there was none.',
    );
    expect(failure(() => expectTurn(result).attempts('get_tickets', 0))).toContain(
      'there was none',
    );
  });
});

/** The failure for a turn with these messages. */
function broken(...changed: Message[]): string {
  return failure(() =>
    expectTurn({ ...result, messages: [hello, ...changed] }).answeredEveryCall(),
  );
}

const user = (...blocks: Exclude<Message['content'], string>): Message => ({
  role: 'user',
  content: blocks,
});

describe('answeredEveryCall()', () => {
  const [first, second] = calls;
  const [, answered, ...rest] = messages;
  const ids = `${first?.id}, ${second?.id}`;

  test('finds a call without an answer', () => {
    expect(broken(...messages.slice(0, 5))).toBe(
      `expected every call to be answered once, but ${calls[3]?.id} has no answer.`,
    );
    expect(broken(ask(...calls.slice(0, 2)), hello, ...rest)).toContain(
      `messages[2] (user) answers nothing; it should answer ${ids}`,
    );
  });

  test('finds answers in the wrong order, and answers given twice', () => {
    const swapped = answer(...calls.slice(0, 2).toReversed());
    expect(broken(ask(...calls.slice(0, 2)), swapped, ...rest)).toContain(
      `messages[2] (user) answers ${second?.id}, ${first?.id}; it should answer ${ids}`,
    );
    expect(broken(...messages, ...messages.slice(4))).toContain('a second time');
    expect(broken(...messages.slice(0, 2), answered ?? hello, ...rest)).toContain(
      `answers ${ids}; it should answer nothing`,
    );
  });

  test('finds words among the results of the turn, and allows them after results that the caller gave', () => {
    const words = { type: 'text' as const, text: 'And hurry!' };
    const given = calls.slice(0, 2).map(({ id }) => ({
      type: 'tool_result' as const,
      tool_use_id: id,
      content: 'ok',
    }));
    const earlier = [ask(...calls.slice(0, 2)), user(...given, words)];
    expect(broken(...earlier, ...rest)).toContain(
      'messages[2] (user) holds more than the results of this turn',
    );
    const brought = { ...result, calls: calls.slice(2), messages: [hello, ...earlier, ...rest] };
    expectTurn(brought).answeredEveryCall();
    const before = [ask(...calls.slice(0, 2)), user(words, ...given), ...rest];
    expect(() => expectTurn({ ...brought, messages: before }).answeredEveryCall()).toThrow(
      'messages[1] (user) has words before its results',
    );
  });

  test('finds a call that no message asks for', () => {
    expect(broken(...messages.slice(0, 4))).toContain(`no message asks for ${calls[3]?.id}`);
  });
});
