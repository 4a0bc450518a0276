import { readdirSync, readFileSync } from 'node:fs';
import { loadDataConverter } from '@temporalio/common/lib/internal-non-workflow/index.js';
import { historyFromJSON } from '@temporalio/common/lib/proto-utils.js';
import { describe, expect, it } from 'vitest';
import type { TurnRecord } from '../../../client/follow/build-waterfall.ts';
import { turnWaterfall } from '../../../client/follow/build-waterfall.ts';
import type { PendingActivity } from '../../../client/follow/description.ts';
import type { CallApproval, TurnEvent } from '../../../client/follow/events.ts';
import { readEvent } from '../../../client/follow/events.ts';
import type { Row, Bar, Waterfall } from '../../../client/follow/waterfall.ts';
import { allRows, allTurns, ownRows, tookOf } from '../../../client/follow/waterfall.ts';
import type { Access } from '../../../core/calls/order.ts';
import { CALL_MODEL, PRESENT_RESULT } from '../../../core/names.ts';
import { timingOf } from '../../../core/turn/timing.ts';
import { ended, scheduled, started } from './turn-events-fixture.ts';

// All turns begin at 1,000, and their first reply comes at 2,000.

interface Asked {
  id: string;
  access?: Access;
  approval?: true;
}

/** A model request that is answered. It waits 10 ms for a worker. */
function replies(round: number, from: number, to: number, calls: Asked[], more = {}): TurnEvent[] {
  const content = calls.map(({ id }) => ({ type: 'tool_use', id, name: `get_${id}`, input: {} }));
  const prepared = calls.map(({ id, ...about }) => ({ type: 'ready', summary: id, ...about }));
  const stopReason = calls.length === 0 ? 'end_turn' : 'tool_use';
  const result = { type: 'reply', reply: { content, stopReason }, prepared, ...more };
  const key = `model.${round}`;
  return [
    scheduled(key, { at: from, type: CALL_MODEL }),
    { type: 'started', at: from + 10, key, attempt: 1 },
    ended(key, to, { type: 'completed', result }),
  ];
}

const asks = (calls: Asked[], more = {}) => [started, ...replies(1, 1_000, 2_000, calls, more)];

/** An activity that a worker takes after 10 ms. */
function runs(id: string, from: number, to: number, report = {}): TurnEvent[] {
  const result = { content: 'x', attempt: 1, startedAt: from + 10, endedAt: to, ...report };
  return [
    scheduled(id, { at: from }),
    { type: 'started', at: from + 10, key: id, attempt: 1 },
    ended(id, to, { type: 'completed', result }),
  ];
}

function closed(at: number, result: object = {}): TurnEvent {
  const ending = { type: 'completed', result } as const;
  return { type: 'turnClosed', at, status: 'completed', ending };
}

function waterfall(events: TurnEvent[], pending: PendingActivity[] = [], now = 9_000): Waterfall {
  return turnWaterfall({ turnId: 't', events, pending, now });
}

function rowOf(turn: Waterfall, id: string): Row | undefined {
  return allRows(turn.rows).find((row) => row.id === id);
}

function bars(turn: Waterfall, id: string): string[] {
  return rowOf(turn, id)?.bars.map(textOf) ?? [];
}

function textOf({ type, start, end, attempt, failed, estimated }: Bar): string {
  const number = attempt === undefined || attempt === 1 ? '' : ` ${attempt}`;
  return `${type}${number} ${start}–${end}${failed ? ' failed' : ''}${estimated ? ' ~' : ''}`;
}

function critical(turn: Waterfall): string[] {
  return allRows(turn.rows).flatMap(({ id, critical }) => (critical === true ? id : []));
}

describe('calls that run within their workflow task', () => {
  const pinned = { policies: ['get_a', 'get_b'].map((name) => [name, { execution: 'local' }]) };
  const asked = asks([{ id: 'a' }, { id: 'b' }], { pinned });
  const failed: TurnEvent = {
    type: 'endedLocally',
    at: 2_900,
    callId: 'b',
    report: { attempt: 1, startedAt: 2_020, endedAt: 2_300 },
    ending: { type: 'failed', message: 'refused' },
  };

  it('run from the moment of the reply, with the times of their reports', () => {
    expect(bars(waterfall(asked), 'a')).toEqual(['attempt 2000–9000']);
    const tried = waterfall([...asked, failed, ...runs('b', 3_000, 3_500)]);
    expect(bars(tried, 'b')).toEqual([
      'attempt 2020–2300 failed',
      'queue 3000–3010',
      'attempt 3010–3500',
    ]);
  });

  it('end with the next model request if they cannot be read', () => {
    const turn = waterfall([...asked, ...replies(2, 3_000, 4_000, [])]);
    expect(bars(turn, 'a')).toEqual(['attempt 2000–3000']);
  });
});

describe('the rows of a turn', () => {
  const turn = waterfall([
    ...asks([{ id: 'a' }, { id: 'b' }], { firstToken: 200 }),
    ...runs('a', 2_005, 2_500),
    ...runs('b', 2_005, 3_000),
    ...replies(2, 3_010, 4_000, []),
    closed(4_010),
  ]);

  it('are the model requests, with the calls of their replies below them', () => {
    expect(turn.rows.map(({ id, children }) => [id, ...children.map((row) => row.id)])).toEqual([
      ['model.1', 'a', 'b'],
      ['model.2'],
    ]);
    expect(rowOf(turn, 'a')).toMatchObject({ name: 'get_a', state: 'succeeded', attempts: 1 });
    expect(turn).toMatchObject({ start: 1_000, end: 4_010, taskQueue: 'plait' });
  });

  it('say what they waited for, when they ran, and when the model began to write', () => {
    expect(bars(turn, 'model.1')).toEqual([
      'queue 1000–1010',
      'attempt 1010–1210',
      'reply 1210–2000',
    ]);
    expect(bars(turn, 'model.2')).toEqual(['queue 3010–3020', 'attempt 3020–4000']);
    expect(bars(turn, 'a')).toEqual(['queue 2005–2015', 'attempt 2015–2500']);
  });

  it('are on the critical path if the turn has waited for them', () => {
    expect(critical(turn)).toEqual(['model.1', 'b', 'model.2']);
  });

  it('add up to the figures of the turn', () => {
    expect(turn.timing).toEqual({
      wallTime: 3_010,
      width: 2,
      oneAfterAnother: 3_010 - 985 + 485 + 985,
      speedUp: 1.16,
      shares: { model: 1_990, tools: 985, people: 0, temporal: 35 },
    });
    expect(turn.waits).toMatchObject({ queue: 40, approval: 0, backoff: 0 });
  });
});

it('has the figures of the turn’s own result, if that can be read', () => {
  const timing = timingOf({ model: 1, tools: 2, people: 3, calls: 4, width: 5 }, 60);
  const result = { stopReason: 'end_turn', timing, calls: [] };
  expect(waterfall([...asks([]), closed(2_000, result)]).timing).toEqual(timing);
  const details = [result];
  const failed: TurnEvent = {
    type: 'turnClosed',
    at: 2_000,
    status: 'failed',
    ending: { type: 'failed', message: 'no', details },
  };
  expect(waterfall([...asks([]), failed]).timing).toEqual(timing);
});

it('marks the calls that the turn’s own result says were critical', () => {
  const record = { name: 'get_a', input: {}, outcome: 'succeeded', round: 1, attempts: 1 };
  const times = { start: '1970-01-01T00:00:02.010Z', end: '1970-01-01T00:00:02.100Z' };
  const result = {
    stopReason: 'end_turn',
    calls: [
      { ...record, ...times, id: 'a', critical: true },
      { ...record, ...times, id: 'b' },
    ],
  };
  const events = [
    ...asks([{ id: 'a' }, { id: 'b' }]),
    ...runs('a', 2_000, 2_100),
    ...runs('b', 2_000, 2_500),
    closed(2_600, result),
  ];
  expect(critical(waterfall(events))).toEqual(['model.1', 'a']);
});

describe('a call', () => {
  it('says that it waits for an earlier one, and for room', () => {
    const write: Access = { writes: ['"x"'] };
    const turn = waterfall([
      ...asks([{ id: 'a', access: write }, { id: 'b', access: write }, { id: 'c' }, { id: 'd' }]),
      ...runs('a', 2_000, 2_500),
      ...runs('c', 2_000, 2_400),
      ...runs('d', 2_405, 2_600),
      ...runs('b', 2_510, 3_000),
    ]);
    expect(bars(turn, 'b')).toEqual(['conflict 2000–2500', 'queue 2510–2520', 'attempt 2520–3000']);
    expect(bars(turn, 'd')[0]).toBe('limit 2000–2405');
    expect(turn.waits).toMatchObject({ conflict: 500, limit: 405 });
    expect(critical(turn)).toEqual(['model.1', 'a', 'b']);
  });

  it('that a limit has held up is critical together with the one that made room', () => {
    const turn = waterfall([
      ...asks([{ id: 'a' }, { id: 'b' }]),
      ...runs('a', 2_000, 2_500),
      ...runs('b', 2_505, 3_000),
    ]);
    expect(critical(turn)).toEqual(['model.1', 'a', 'b']);
  });

  it('says until when it waits for a person', () => {
    const events = asks([{ id: 'a', approval: true }]);
    expect(bars(waterfall(events), 'a')).toEqual(['approval 2000–9000']);
    expect(critical(waterfall(events))).toEqual(['model.1', 'a']);
    expect(waterfall(events).timing.shares).toMatchObject({ people: 7_000, tools: 0 });

    const at = new Date(5_000).toISOString();
    const decided = (decision: CallApproval['decision']): TurnEvent[] => [
      { type: 'decisionSent', key: '20', callId: 'a', approval: { decision, by: 'ana', at } },
      { type: 'decisionAccepted', key: '20', at: 5_000 },
    ];
    const approved = waterfall([...events, ...decided('approved'), ...runs('a', 5_010, 6_000)]);
    expect(bars(approved, 'a')).toEqual([
      'approval 2000–5000',
      'queue 5010–5020',
      'attempt 5020–6000',
    ]);
    expect(rowOf(approved, 'a')?.approval).toMatchObject({ by: 'ana' });
    expect(tookOf(rowOf(approved, 'a') as Row)).toBe(980);
    const denied = waterfall([...events, ...decided('denied')]);
    expect(bars(denied, 'a')).toEqual(['approval 2000–5000']);
  });

  it('says since when its tool ran, if that began before the reply was complete', () => {
    const report = { startedAt: 1_400, endedAt: 2_300, startedEarly: true };
    const turn = waterfall([...asks([{ id: 'a' }]), ...runs('a', 2_010, 2_310, report)]);
    expect(bars(turn, 'a')).toEqual(['early 1400–2000', 'attempt 2000–2300']);
    expect(turn.timing.shares.tools).toBe(300);
    const quick = { startedAt: 1_400, endedAt: 1_500, startedEarly: true };
    const before = waterfall([...asks([{ id: 'a' }]), ...runs('a', 2_010, 2_020, quick)]);
    expect(bars(before, 'a')).toEqual(['early 1400–1500']);
  });

  it('that was retried has its earlier attempts where the retry policy places them', () => {
    const turn = waterfall([
      ...asks([{ id: 'a' }]),
      scheduled('a', { at: 2_000 }),
      { type: 'started', at: 5_400, key: 'a', attempt: 3, lastFailure: 'refused' },
      ended('a', 6_000, { type: 'failed', message: 'refused again' }),
    ]);
    expect(bars(turn, 'a')).toEqual([
      'attempt 2000–2200 failed ~',
      'backoff 2200–3200 ~',
      'attempt 2 3200–3400 failed ~',
      'backoff 3400–5400 ~',
      'attempt 3 5400–6000 failed',
    ]);
    expect(rowOf(turn, 'a')).toMatchObject({ attempts: 3, lastFailure: 'refused' });
    expect(turn.waits.backoff).toBe(3_000);
  });

  it('that was retried sooner than the policy says stays within its time', () => {
    const turn = waterfall([
      ...asks([{ id: 'a' }]),
      scheduled('a', { at: 2_000 }),
      { type: 'started', at: 2_300, key: 'a', attempt: 3 },
      ended('a', 2_400, { type: 'completed' }),
    ]);
    expect(bars(turn, 'a')).toEqual([
      'attempt 2000–2000 failed ~',
      'backoff 2000–2100 ~',
      'attempt 2 2100–2100 failed ~',
      'backoff 2100–2300 ~',
      'attempt 3 2300–2400',
    ]);
  });

  it('that lost its worker and was scheduled again has both activities in one row', () => {
    const again = { ...(scheduled('a', { at: 3_000 }) as object), key: 'a.2' } as TurnEvent;
    const turn = waterfall([
      ...asks([{ id: 'a' }]),
      scheduled('a', { at: 2_000 }),
      { type: 'started', at: 2_010, key: 'a', attempt: 1 },
      ended('a', 2_990, { type: 'timedOut', timeout: 'HEARTBEAT' }),
      again,
      { type: 'started', at: 3_020, key: 'a.2', attempt: 1 },
      ended('a.2', 3_500, { type: 'completed' }),
    ]);
    expect(bars(turn, 'a')).toEqual([
      'queue 2000–2010',
      'attempt 2010–2990 failed',
      'queue 3000–3020',
      'attempt 3020–3500',
    ]);
  });

  it('says how long its completion from outside took', () => {
    const later = { later: { key: 'k', timeout: 1 }, attempt: 1, startedAt: 2_010, endedAt: 2_100 };
    const parked = [
      ...asks([{ id: 'a' }]),
      scheduled('a', { at: 2_000 }),
      { type: 'started', at: 2_010, key: 'a', attempt: 1 } as const,
      ended('a', 2_100, { type: 'completed', result: later }),
    ];
    expect(bars(waterfall(parked), 'a').at(-1)).toBe('outside 2100–9000');
    expect(waterfall(parked).timing.shares.tools).toBe(6_990);
    const done = [
      ...parked,
      scheduled('result.a', { at: 8_000, type: PRESENT_RESULT }),
      ended('result.a', 8_020, { type: 'completed', result: { content: 'done' } }),
    ];
    expect(bars(waterfall(done), 'a').at(-1)).toBe('outside 2100–8000');
  });

  it("shows the wait for its server's question in the middle, and when it began", () => {
    const question = { type: 'url', server: 's', message: 'Sure?', url: 'https://a.example' };
    const result = {
      type: 'asks',
      asks: { questions: [{ key: 'q', question }] },
      attempt: 1,
      startedAt: 2_010,
      endedAt: 2_100,
    };
    const parked = [
      ...asks([{ id: 'a' }]),
      scheduled('a', { at: 2_000 }),
      { type: 'started', at: 2_010, key: 'a', attempt: 1 } as const,
      ended('a', 2_100, { type: 'completed', result }),
    ];
    expect(rowOf(waterfall(parked), 'a')).toMatchObject({
      state: 'waiting',
      message: 'waits for an answer: Sure?',
    });
    expect(bars(waterfall(parked), 'a').at(-1)).toBe('approval 2100–9000');
    expect(waterfall(parked).timing.shares.people).toBe(6_900);
    const again = [
      ...parked,
      { ...scheduled('a', { at: 8_000 }), key: 'again' } as TurnEvent,
      { type: 'started', at: 8_010, key: 'again', attempt: 1 } as const,
      ended('again', 8_500, {
        type: 'completed',
        result: { content: 'x', attempt: 1, startedAt: 8_010, endedAt: 8_500 },
      }),
    ];
    expect(bars(waterfall(again), 'a')).toEqual([
      'queue 2000–2010',
      'attempt 2010–2100',
      'approval 2100–8000',
      'queue 8000–8010',
      'attempt 8010–8500',
    ]);
  });

  it('that never ran has no time', () => {
    const turn = waterfall([
      ...asks([{ id: 'a' }]),
      ...replies(2, 2_010, 3_000, []),
      closed(3_000),
    ]);
    expect(rowOf(turn, 'a')).toMatchObject({ state: 'skipped', bars: [] });
    expect(tookOf(rowOf(turn, 'a') as Row)).toBeUndefined();
  });
});

function open(about: Partial<PendingActivity>): PendingActivity {
  return { id: 'a', type: 'get_a', attempt: 1, state: 'scheduled', ...about };
}

describe('a turn that runs', () => {
  const events = [...asks([{ id: 'a' }]), scheduled('a', { at: 2_000 })];

  it.each<[what: string, pending: PendingActivity[], bars: string[]]>([
    ['no worker has taken it', [open({})], ['queue 2000–9000']],
    ['nothing is known of it yet', [], ['queue 2000–9000']],
    [
      'it runs',
      [open({ state: 'running', startedAt: 2_100 })],
      ['queue 2000–2100', 'attempt 2100–9000'],
    ],
    [
      'it runs again',
      [open({ state: 'running', attempt: 2, startedAt: 3_100 })],
      ['attempt 2000–2100 failed ~', 'backoff 2100–3100 ~', 'attempt 2 3100–9000'],
    ],
    [
      'its next attempt is not due',
      [open({ attempt: 2, lastEndedAt: 8_500, nextAttemptAt: 9_500 })],
      ['attempt 2000–8500 failed', 'backoff 8500–9000'],
    ],
    [
      'its next attempt is due, and no worker has taken it',
      [open({ attempt: 2, lastEndedAt: 2_500, nextAttemptAt: 3_500 })],
      ['attempt 2000–2500 failed', 'backoff 2500–3500', 'queue 3500–9000'],
    ],
    [
      'it has failed twice, and only when the next attempt is due is known',
      [open({ attempt: 3, nextAttemptAt: 9_500 })],
      [
        'attempt 2000–4250 failed ~',
        'backoff 4250–5250 ~',
        'attempt 2 5250–7500 failed ~',
        'backoff 7500–9000',
      ],
    ],
  ])('says what its call does now: %s', (_, pending, expected) => {
    const turn = waterfall(events, pending);
    expect(bars(turn, 'a')).toEqual(expected);
    expect(turn).toMatchObject({ status: 'running', end: 9_000 });
  });

  it('has for each open row its worker, its attempts and its time limit', () => {
    const pending = open({ attempt: 2, nextAttemptAt: 9_500, worker: '7@host' });
    expect(rowOf(waterfall(events, [pending]), 'a')?.open).toEqual({
      taskQueue: 'plait',
      maximumAttempts: 3,
      startToCloseTimeout: 120_000,
      nextAttemptAt: 9_500,
      worker: '7@host',
    });
  });

  it('waits for a worker if no call of its reply has been scheduled', () => {
    expect(bars(waterfall(asks([{ id: 'a' }])), 'a')).toEqual(['queue 2000–9000']);
    expect(waterfall([started]).rows).toEqual([]);
  });

  it('ends all open rows if it was terminated', () => {
    const terminated: TurnEvent = {
      type: 'turnClosed',
      at: 3_000,
      status: 'terminated',
      ending: { type: 'failed', message: 'enough' },
    };
    const turn = waterfall([...events, terminated]);
    expect(bars(turn, 'a')).toEqual(['queue 2000–3000']);
    expect(turn).toMatchObject({ message: 'enough', end: 3_000 });
  });
});

it('distinguishes a worker that is late with the reply from a limit on calls', () => {
  const turn = waterfall([
    ...asks([{ id: 'a' }, { id: 'b' }]),
    ...runs('a', 2_800, 3_000),
    ...runs('b', 3_010, 3_200),
  ]);
  expect(bars(turn, 'a')[0]).toBe('queue 2000–2800');
  expect(bars(turn, 'b').slice(0, 2)).toEqual(['queue 2000–2800', 'limit 2800–3010']);
});

it('shows what is known of a run whose history is gone', () => {
  const goneOn: TurnEvent = {
    type: 'turnStarted',
    at: 5_000,
    agent: 'lookup',
    taskQueue: 'plait',
    asked: 'What did 7 order?',
    earlier: {
      rounds: 1,
      calls: [
        {
          id: 'a',
          name: 'get_a',
          input: {},
          outcome: 'succeeded',
          round: 1,
          attempts: 2,
          start: new Date(2_000).toISOString(),
          end: new Date(3_000).toISOString(),
        },
      ],
      open: { calls: [], prepared: [] },
    },
  };
  const turn = waterfall([goneOn, ...replies(2, 5_010, 6_000, [])]);
  expect(bars(turn, 'model.1')).toEqual([]);
  expect(bars(turn, 'a')).toEqual(['attempt 2 2000–3000']);
  expect(turn.asked).toBe('What did 7 order?');
});

const HISTORIES = new URL('../../histories/', import.meta.url);
const recorded = readdirSync(HISTORIES).filter(
  // A session is no turn, and a second run begins in the middle of one.
  (file) => !file.startsWith('session.') && !file.includes('.run-'),
);

it.each(recorded)(
  'is made of the recorded history %s: no moment is counted twice',
  async (file) => {
    const history = historyFromJSON(JSON.parse(readFileSync(new URL(file, HISTORIES), 'utf8')));
    const converter = loadDataConverter(undefined);
    const read = await Promise.all((history.events ?? []).map((one) => readEvent(one, converter)));
    const turn = waterfall(read.filter((event) => event !== undefined));

    const rows = allRows(turn.rows);
    expect(rows.length).toBeGreaterThan(0);
    for (const { bars: parts } of rows) {
      for (const [i, { start, end }] of parts.entries()) {
        expect(end).toBeGreaterThanOrEqual(start);
        expect(start).toBeGreaterThanOrEqual(parts[i - 1]?.end ?? 0);
      }
    }
    const { shares, wallTime } = turn.timing;
    const parts = [shares.model, shares.tools, shares.people, shares.temporal];
    expect(parts.reduce((sum, part) => sum + part, 0)).toBe(wallTime);
    expect(Math.min(...parts)).toBeGreaterThanOrEqual(0);
  },
);

describe('a call that another agent answers', () => {
  const inner = {
    turnId: 't.b',
    pending: [],
    now: 9_000,
    events: [
      { ...started, agent: 'scout', at: 2_020 },
      ...replies(1, 2_030, 3_000, [{ id: 'x' }]),
      ...runs('x', 3_010, 4_000),
      ...replies(2, 4_010, 5_000, []),
      closed(5_010),
    ],
  };
  const called: TurnEvent[] = [
    {
      type: 'turnCalled',
      at: 2_005,
      key: 'c',
      callId: 'b',
      turnId: 't.b',
      agent: 'scout',
      taskQueue: 'q',
    },
    { type: 'started', at: 2_020, key: 'c', attempt: 1 },
  ];
  const answered: TurnEvent = {
    type: 'ended',
    at: 5_020,
    key: 'c',
    ending: { type: 'completed', result: { stopReason: 'end_turn', text: 'fine' } },
  };
  const asked = [...asks([{ id: 'a' }, { id: 'b' }]), ...runs('a', 2_005, 6_000), ...called];
  const look = (events: TurnEvent[], subTurns: [string, TurnRecord][] = [['t.b', inner]]) =>
    turnWaterfall({ turnId: 't', events, pending: [], now: 9_000, subTurns: new Map(subTurns) });

  it("is a row from the start of its turn to its end, with that turn's rows below it", () => {
    const turn = look([...asked, answered, ...replies(2, 6_010, 7_000, []), closed(7_010)]);
    expect(bars(turn, 'b')).toEqual(['queue 2005–2020', 'attempt 2020–5020']);
    const row = rowOf(turn, 'b');
    expect(row?.turn).toMatchObject({ turnId: 't.b', agent: 'scout', status: 'completed' });
    expect(row?.children.map(({ id, children }) => [id, ...children.map((one) => one.id)])).toEqual(
      [['model.1', 'x'], ['model.2']],
    );
    expect(allTurns(turn).map(({ turnId }) => turnId)).toEqual(['t', 't.b']);
    expect(ownRows(turn).map(({ id }) => id)).toEqual(['model.1', 'a', 'b', 'model.2']);
  });

  it('leaves the figures and the critical path to the calling turn', () => {
    const whole = [...asked, answered, ...replies(2, 6_010, 7_000, []), closed(7_010)];
    const [turn, alone] = [look(whole), look(whole, [])];
    expect(critical(turn)).toEqual(['model.1', 'a', 'model.2']);
    expect(turn.timing).toEqual(alone.timing);
    expect(alone.timing.width).toBe(2);
    const slower = whole.map((event) => (event === answered ? { ...answered, at: 6_500 } : event));
    expect(critical(look(slower))).toEqual(['model.1', 'b', 'model.1', 'x', 'model.2', 'model.2']);
  });

  it('runs while its turn does, even if the history of that turn is gone', () => {
    const turn = look(asked, []);
    expect(bars(turn, 'b')).toEqual(['queue 2005–2020', 'attempt 2020–9000']);
    expect(rowOf(turn, 'b')).toMatchObject({
      state: 'running',
      open: { taskQueue: 'q' },
      children: [],
    });
    expect(allTurns(turn)).toHaveLength(1);
  });
});

const ends = (result: unknown): TurnEvent[] => [
  // The activity that waits for it has had other attempts.
  { type: 'started', at: 4_000, key: 'c', attempt: 7, lastFailure: 'It has not ended yet.' },
  { type: 'ended', at: 5_000, key: 'c', ending: { type: 'completed', result } },
];

describe('a call that is the turn of a session', () => {
  const called: TurnEvent = {
    type: 'turnCalled',
    at: 2_005,
    key: 'c',
    callId: 'a',
    turnId: 's.turn-3',
    agent: 'clerk',
    sessionId: 's',
    taskQueue: 'q',
  };
  const asked = [...asks([{ id: 'a' }]), called];

  it('runs from when the session has it, and has one attempt', () => {
    const turn = waterfall(asked);
    expect(bars(turn, 'a')).toEqual(['attempt 2005–9000']);
    expect(rowOf(turn, 'a')).toMatchObject({ state: 'running', attempts: 1 });
    const done = waterfall([
      ...asked,
      ...ends({ type: 'ended', result: { stopReason: 'end_turn', text: 'Noted.' } }),
    ]);
    expect(bars(done, 'a')).toEqual(['attempt 2005–5000']);
    expect(rowOf(done, 'a')).toMatchObject({ state: 'succeeded', attempts: 1 });
  });

  it.for<[result: object, state: string, message: string]>([
    [
      { type: 'failed', message: 'invalid x-api-key' },
      'failed',
      'Agent clerk failed: invalid x-api-key.',
    ],
    [
      { type: 'lost', message: 'terminated' },
      'failed',
      'The turn of agent clerk was ended from outside: terminated.',
    ],
    [{ type: 'never began' }, 'cancelled', 'The call was cancelled.'],
  ])('ends as its turn does: %j', ([result, state, message]) => {
    expect(rowOf(waterfall([...asked, ...ends(result)]), 'a')).toMatchObject({ state, message });
  });
});

it('a call that has lost its worker says how often, and numbers its attempts', () => {
  const lost = ended('a', 3_000, { type: 'timedOut', timeout: 'HEARTBEAT' });
  const again = { ...scheduled('a', { at: 3_000 }), key: 'a.2' } as TurnEvent;
  const pending = {
    id: 'a',
    type: 'get_a',
    attempt: 1,
    state: 'running',
    startedAt: 3_010,
  } as const;
  const events = [...asks([{ id: 'a' }]), scheduled('a', { at: 2_005 }), lost, again];
  const turn = waterfall(events, [pending]);
  expect(rowOf(turn, 'a')).toMatchObject({ state: 'running', attempts: 2, lostWorkers: 1 });
});
