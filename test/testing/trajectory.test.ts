import { describe, expect, test } from 'vitest';
import type { CallRecord } from '../../core/calls/record.ts';
import { NO_USAGE } from '../../core/turn/usage.ts';
import { timingOf } from '../../core/turn/timing.ts';
import { assign } from '../../testing/call-match.ts';
import { expectTurn } from '../../testing/expect-turn.ts';
import type { TrajectoryMode, TrajectoryStep } from '../../testing/trajectory.ts';
import { trajectoryProblem } from '../../testing/trajectory.ts';

const start = '2026-11-22T10:00:00.000Z';
const call = (round: number, name: string, input: unknown = {}): CallRecord => ({
  id: `toolu_${round}_${name}`,
  name,
  input,
  outcome: 'succeeded',
  round,
  attempts: 1,
  start,
  end: start,
});

/** Two lookups together, then a refund; the second reply had no calls. */
const calls = [
  call(1, 'get_customer', { customer_id: 7 }),
  call(1, 'get_orders', { customer_id: 7 }),
  call(3, 'refund', { order: 'A-17' }),
];
const LOOKUPS: TrajectoryStep = ['get_customer', 'get_orders'];
const REFUND: TrajectoryStep = [['refund', { order: 'A-17' }]];

const about = (order: string): TrajectoryStep => [['refund', (input) => input['order'] === order]];

type Row = [mode: TrajectoryMode, steps: TrajectoryStep[], problem: string | undefined];

describe('a trajectory', () => {
  test.each<Row>([
    ['strict', [LOOKUPS, REFUND], undefined],
    ['strict', [['get_orders', 'get_customer'], ['refund']], undefined],
    [
      'strict',
      [['get_customer'], ['get_orders'], ['refund']],
      'expected step 1 to be get_customer, but round 1 asked for get_customer {"customer_id":7} and get_orders {"customer_id":7}',
    ],
    [
      'strict',
      [LOOKUPS],
      'expected no calls after step 1, but round 3 asked for refund {"order":"A-17"}',
    ],
    [
      'strict',
      [],
      'expected no calls, but round 1 asked for get_customer {"customer_id":7} and get_orders {"customer_id":7}',
    ],
    [
      'strict',
      [LOOKUPS, REFUND, ['send_mail']],
      'expected step 3 to be send_mail, but the model asked for nothing more',
    ],
    [
      'strict',
      [LOOKUPS, [['refund', { order: 'B-1' }]]],
      'expected step 2 to be refund {"order":"B-1"}, but round 3 asked for refund {"order":"A-17"}',
    ],
    ['unordered', [REFUND, LOOKUPS], undefined],
    ['unordered', [['refund', 'get_orders', 'get_customer']], undefined],
    [
      'unordered',
      [LOOKUPS],
      'expected exactly one call for each of get_customer and get_orders, but there was also refund {"order":"A-17"}',
    ],
    [
      'unordered',
      [LOOKUPS, ['send_mail']],
      'expected exactly one call for each of get_customer, get_orders and send_mail, but there was none of send_mail, and there was also refund {"order":"A-17"}',
    ],
    ['superset', [['refund']], undefined],
    ['superset', [], undefined],
    [
      'superset',
      [['refund'], ['refund']],
      'expected at least one call for each of refund and refund, but there was none of refund',
    ],
    ['subset', [LOOKUPS, REFUND, ['send_mail']], undefined],
    [
      'subset',
      [LOOKUPS],
      'expected no other calls than get_customer and get_orders, but there was also refund {"order":"A-17"}',
    ],
    [
      'subset',
      [],
      'expected no other calls than nothing, but there was also get_customer {"customer_id":7}, get_orders {"customer_id":7} and refund {"order":"A-17"}',
    ],
  ])('that must match %s %j: %s', (mode, steps, problem) => {
    expect(trajectoryProblem(mode, steps, calls)).toBe(problem);
  });

  test.each<TrajectoryMode>(['strict', 'unordered', 'superset', 'subset'])(
    'without steps holds for a turn without calls: %s',
    (mode) => {
      expect(trajectoryProblem(mode, [], [])).toBeUndefined();
    },
  );

  test('is compared by conditions on inputs, which the problem shows', () => {
    expect(trajectoryProblem('superset', [about('A-17')], calls)).toBeUndefined();
    expect(trajectoryProblem('superset', [about('B-1')], calls)).toMatch(
      /none of refund with \(?input\)? => input\["?'?order'?"?\] === order$/,
    );
  });
});

describe('calls are assigned to the matches', () => {
  test('so that as many as possible have one, and the general match makes room for the exact one', () => {
    const pages = [call(1, 'look', { page: 1 }), call(1, 'look', { page: 2 })];
    expect(assign(['look', ['look', { page: 1 }]], pages)).toEqual({ missing: [], extra: [] });
    expect(assign([['look', { page: 1 }], 'look', 'look'], pages)).toEqual({
      missing: ['look'],
      extra: [],
    });
  });

  test('without trying every order of many calls', () => {
    const many = Array.from({ length: 60 }, (_, page) => call(1, 'look', { page }));
    const wanted = Array.from({ length: 61 }, () => 'look');
    expect(assign(wanted, many)).toEqual({ missing: ['look'], extra: [] });
  });
});

describe('the assertions of expectTurn', () => {
  const turn = expectTurn({
    agent: 'support',
    stopReason: 'end_turn',
    text: 'Order A-17 is refunded.',
    messages: [],
    rounds: 4,
    usage: NO_USAGE,
    timing: timingOf(undefined, 0),
    calls,
  });

  test('chain, and show all calls of the turn if one fails', () => {
    turn
      .trajectory('strict', LOOKUPS, REFUND)
      .says('A-17')
      .says(/refunded\.$/)
      .called('refund', ({ order }) => order === 'A-17')
      .neverCalled('refund', ({ order }) => order === 'B-1');
    expect(() => turn.trajectory('subset', LOOKUPS)).toThrow(
      /but there was also refund \{"order":"A-17"\}\.\n\nThe turn of support ended with end_turn after 4 rounds\. Its calls:\n {2}round 1 {2}get_customer/,
    );
    expect(() => turn.says('B-1')).toThrow(
      'expected the answer to contain "B-1", but it is "Order A-17 is refunded.".',
    );
    expect(() => turn.says(/^Sorry/)).toThrow(
      'expected the answer to contain /^Sorry/, but it is "Order A-17 is refunded.".',
    );
  });

  test('reject an unknown mode, and a step that is not a list', () => {
    const problem = /trajectory\(\) takes one of strict, unordered, superset, subset/;
    expect(() => turn.trajectory('exact' as never, LOOKUPS)).toThrow(problem);
    expect(() => turn.trajectory('strict', 'get_orders' as never)).toThrow(problem);
  });
});
