import { readFile } from 'node:fs/promises';
import { historyFromJSON } from '@temporalio/common/lib/proto-utils.js';
import { loadDataConverter } from '@temporalio/common/lib/internal-non-workflow/index.js';
import { describe, expect, it } from 'vitest';
import { EventTranslator } from '../../../client/follow/event-translator.ts';
import type { PendingActivity } from '../../../client/follow/description.ts';
import type { Ending, TurnEvent } from '../../../client/follow/events.ts';
import { readEvent } from '../../../client/follow/events.ts';
import type { CallSnapshot, TurnSnapshot } from '../../../client/follow/snapshot.ts';
import { turnSnapshot } from '../../../client/follow/build-snapshot.ts';
import type { CallRecord } from '../../../core/calls/record.ts';
import { CALL_MODEL, PRESENT_RESULT, READ_TRANSCRIPT } from '../../../core/names.ts';
import {
  ended,
  LIMITS,
  LOSSES_COUNT,
  modelAsks,
  NOT_REPEATABLE,
  scheduled,
  started,
} from './turn-events-fixture.ts';

const asked = [started, ...modelAsks(1, 1_200, [{ id: 'a' }, { id: 'b' }])];
const report = { attempt: 1, startedAt: 1_310, endedAt: 1_800 };

function callOf(turn: TurnSnapshot, id: string): CallSnapshot | undefined {
  return turn.rounds.flatMap(({ calls }) => calls).find((call) => call.id === id);
}

function endedLocally(callId: string, ending: Ending): TurnEvent {
  return { type: 'endedLocally', at: 2_000, callId, report, ending };
}

function statesOf(events: readonly TurnEvent[], pending?: readonly PendingActivity[]) {
  const { rounds } = turnSnapshot('t', events, pending);
  return rounds.map(({ model, calls }) => [model.state, ...calls.map(({ state }) => state)]);
}

describe('a turn that has continued in a new run', () => {
  const record: CallRecord = {
    id: 'a',
    name: 'get_a',
    input: {},
    outcome: 'failed',
    message: 'refused',
    round: 1,
    attempts: 2,
    start: new Date(1_000).toISOString(),
    end: new Date(2_000).toISOString(),
    startedEarly: true,
  };
  const goneOn: TurnEvent = {
    type: 'turnStarted',
    at: 5_000,
    agent: 'lookup',
    taskQueue: 'plait',
    earlier: {
      rounds: 2,
      calls: [record],
      open: {
        calls: [
          { type: 'tool_use', id: 'b', name: 'get_b', input: {}, caller: { type: 'direct' } },
        ],
        prepared: [{ type: 'ready', summary: 'id: 1' }],
      },
    },
  };

  it('keeps what its earlier runs said', () => {
    const whole = turnSnapshot('t', [...asked, goneOn, scheduled('b', { at: 5_100 })]);
    expect(whole.start).toBe(1_000);
    expect(whole.rounds).toHaveLength(1);
    expect(callOf(whole, 'b')).toMatchObject({ state: 'scheduled', start: 5_100 });
  });

  it('gets its rounds from its arguments if the earlier history is gone', () => {
    const turn = turnSnapshot('t', [goneOn, ...modelAsks(3, 6_000, [])]);
    expect(turn.rounds.map(({ round, model }) => [round, model.state])).toEqual([
      [1, 'succeeded'],
      [2, 'succeeded'],
      [3, 'succeeded'],
    ]);
    expect(callOf(turn, 'a')).toMatchObject({ state: 'failed', message: 'refused', attempt: 2 });
    expect(callOf(turn, 'a')).toMatchObject({ start: 1_000, end: 2_000, startedEarly: true });
    expect(turn.rounds[1]?.calls).toMatchObject([{ id: 'b', name: 'get_b', summary: 'id: 1' }]);
  });
});

describe('a call that goes on in the background', () => {
  const going = [...asked, scheduled('a', { at: 1_250 }), scheduled('b', { at: 1_250 })];
  const next = {
    ...scheduled('model.2', { at: 1_500, type: CALL_MODEL }),
    answers: { messages: new Map<string, string>(), background: ['a'] },
  } as TurnEvent;

  it('stays open when the model is asked again, whatever it waits for', () => {
    const later = ended('a', 1_400, { type: 'completed', result: handedOver });
    expect(statesOf([...going, later, next])).toEqual([
      ['succeeded', 'waiting', 'scheduled'],
      ['scheduled'],
    ]);
  });

  it('ends in its own round, even if it was scheduled again', () => {
    const again = { ...scheduled('a', { at: 1_600 }), key: '9' } as TurnEvent;
    const done = ended('9', 1_700, { type: 'completed', result: { ...report, content: 'ok' } });
    expect(statesOf([...going, next, again, done])).toEqual([
      ['succeeded', 'succeeded', 'scheduled'],
      ['scheduled'],
    ]);
  });
});

const handedOver = {
  type: 'later',
  later: { key: 'k', timeout: 60_000 },
  attempt: 1,
  startedAt: 1_310,
  endedAt: 1_400,
};

describe('a model request without a reply', () => {
  const first = scheduled('model.1', { at: 1_100, type: CALL_MODEL });
  const again = { ...scheduled('model.1', { at: 1_300, type: CALL_MODEL }), key: '9' } as TurnEvent;
  const reply = { content: [], stopReason: 'end_turn' };
  const answered: TurnEvent = {
    type: 'ended',
    key: '9',
    at: 1_500,
    ending: { type: 'completed', result: { reply, prepared: [] } },
  };
  const states = (...events: TurnEvent[]) => statesOf([started, first, ...events]);

  it('stays in the same round if it moved to another task queue or another model', () => {
    const without = ended('model.1', 1_200, { type: 'completed', result: { pinned: {} } });
    expect(states(without)).toEqual([['scheduled']]);
    expect(states(without, again)).toEqual([['scheduled']]);
    expect(states(without, again, answered)).toEqual([['succeeded']]);
    const { rounds } = turnSnapshot('t', [started, first, without, again, answered]);
    expect(rounds).toMatchObject([{ round: 1, model: { start: 1_100, end: 1_500 } }]);
  });

  it('also does so if its result cannot be read', () => {
    const unread = ended('model.1', 1_200, { type: 'completed' });
    expect(states(unread, again)).toEqual([['scheduled']]);
    expect(states(unread, again, answered)).toEqual([['succeeded']]);
  });
});

describe('a turn that runs', () => {
  it('has no round before the model is asked', () => {
    expect(turnSnapshot('t', [started])).toEqual({
      turnId: 't',
      agent: 'lookup',
      status: 'running',
      start: 1_000,
      rounds: [],
    });
  });

  it('has every call of a reply at once, in the model’s order, including one that cannot run', () => {
    const calls = [{ id: 'b' }, { id: 'x', invalid: 'There is no tool named get_x.' }, { id: 'a' }];
    const turn = turnSnapshot('t', [
      started,
      ...modelAsks(1, 1_200, calls),
      scheduled('a', { at: 1_250, summary: 'round 1 · id: 7' }),
    ]);
    expect(turn.rounds[0]?.model).toEqual({
      state: 'succeeded',
      attempt: 1,
      start: 1_110,
      end: 1_200,
    });
    expect(turn.rounds[0]?.calls).toMatchObject([
      { id: 'b', name: 'get_b', state: 'scheduled', summary: 'id: 1' },
      { id: 'x', state: 'failed', attempt: 0, message: 'There is no tool named get_x.' },
      { id: 'a', state: 'scheduled', summary: 'id: 7', start: 1_250 },
    ]);
  });

  it("counts rounds and leaves out Plait's own activities", () => {
    const events = [
      ...asked,
      ...modelAsks(2, 3_000, []),
      scheduled('agent', { at: 3_100, type: READ_TRANSCRIPT }),
    ];
    expect(turnSnapshot('t', events).rounds.map(({ round }) => round)).toEqual([1, 2]);
    // The model would not have been asked again before every call was answered.
    expect(statesOf(events)).toEqual([['succeeded', 'skipped', 'skipped'], ['succeeded']]);
  });

  it('shows calls as soon as they are scheduled, if this client cannot read their reply', () => {
    const events: TurnEvent[] = [
      started,
      scheduled('model.1', { at: 1_100, type: CALL_MODEL }),
      ended('model.1', 1_200, { type: 'completed' }),
      scheduled('a', { at: 1_300, summary: 'round 1 · id: 7' }),
    ];
    expect(turnSnapshot('t', events).rounds[0]?.calls).toMatchObject([
      { id: 'a', name: 'get_a', summary: 'id: 7', state: 'scheduled' },
    ]);
  });

  it('shows calls that wait for a person, until they are scheduled or the model is asked again', () => {
    const asks = [
      started,
      ...modelAsks(1, 1_200, [
        { id: 'a', approval: true },
        { id: 'b', approval: true },
      ]),
    ];
    expect(turnSnapshot('t', asks).rounds[0]?.calls).toMatchObject([
      { id: 'a', state: 'waiting', attempt: 0, message: 'waits for approval' },
      { id: 'b', state: 'waiting' },
    ]);

    const approved = [...asks, scheduled('a', { at: 9_000 })];
    expect(turnSnapshot('t', approved).rounds[0]?.calls).toMatchObject([
      { id: 'a', state: 'scheduled', attempt: 1, start: 9_000 },
      { id: 'b', state: 'waiting' },
    ]);

    const completed = { type: 'completed', result: 'done' } as const;
    const goesOn = [...approved, ended('a', 9_100, completed), ...modelAsks(2, 9_300, [])];
    expect(statesOf(goesOn)[0]).toEqual(['succeeded', 'succeeded', 'denied']);
  });

  it('says at once who denied a call and why, unless the workflow rejects that', () => {
    const asks = [started, ...modelAsks(1, 1_200, [{ id: 'a', approval: true }])];
    const approval = { decision: 'denied', by: 'ana', reason: 'no', at: 'then' } as const;
    const sent: TurnEvent = { type: 'decisionSent', key: '20', callId: 'a', approval };
    const state = (...events: TurnEvent[]) => callOf(turnSnapshot('t', [...asks, ...events]), 'a');

    expect(state(sent)).toMatchObject({ state: 'waiting' });
    expect(state(sent, { type: 'decisionAccepted', key: '20', at: 9_000 })).toMatchObject({
      state: 'denied',
      message: 'A person denied this call, so it did not run: no',
      approval,
      end: 9_000,
    });
    expect(state({ type: 'decisionAccepted', key: '21', at: 9_000 })).toMatchObject({
      state: 'waiting',
    });
  });

  it('takes what the next model request says about calls that no activity answered', () => {
    const asks = [
      started,
      ...modelAsks(1, 1_200, [
        { id: 'a', approval: true },
        { id: 'b', approval: true },
      ]),
    ];
    const messages = new Map([
      ['a', 'Nobody decided.'],
      ['b', 'Not executed.'],
    ]);
    const again = scheduled('model.2', { at: 9_000, type: CALL_MODEL }) as object;
    const goesOn = (answers: object) =>
      turnSnapshot('t', [...asks, { ...again, answers } as TurnEvent]);

    const told = goesOn({ messages, outcomes: { a: 'denied', b: 'skipped' } });
    expect(told.rounds[0]?.calls).toMatchObject([
      { state: 'denied', message: 'Nobody decided.', end: 9_000 },
      { state: 'skipped', message: 'Not executed.' },
    ]);
    // A turn of an earlier version has only the messages.
    expect(callOf(goesOn({ messages }), 'a')).toMatchObject({
      state: 'denied',
      message: 'Nobody decided.',
    });
  });

  it('shows a call that somebody outside must complete as waiting, until its result comes', () => {
    const later = { later: { key: 'k', timeout: 1 }, attempt: 1, startedAt: 1_310, endedAt: 1_320 };
    const parked = [
      started,
      ...modelAsks(1, 1_200, [{ id: 'a' }]),
      scheduled('a', { at: 1_300 }),
      ended('a', 1_320, { type: 'completed', result: later }),
    ];
    expect(turnSnapshot('t', parked).rounds[0]?.calls).toMatchObject([
      { id: 'a', state: 'waiting', message: 'waits to be completed from outside' },
    ]);

    const done = [
      ...parked,
      scheduled('result.a', { at: 8_000, type: PRESENT_RESULT }),
      ended('result.a', 8_100, { type: 'completed', result: { content: 'done' } }),
    ];
    expect(statesOf(done)).toEqual([['succeeded', 'succeeded']]);
    const elsewhere = [...parked, ...modelAsks(2, 9_300, [])];
    expect(statesOf(elsewhere)[0]).toEqual(['succeeded', 'failed']);
  });

  it('learns from a description what runs, is retried, or is paused', () => {
    const events = [...asked, scheduled('a', { at: 1_300 }), scheduled('b', { at: 1_300 })];
    const running = { id: 'a', type: 'a', attempt: 1, state: 'running', startedAt: 1_310 } as const;
    const retrying = {
      id: 'b',
      type: 'b',
      attempt: 2,
      state: 'scheduled',
      lastFailure: 'refused',
    } as const;
    const turn = turnSnapshot('t', events, [running, retrying]);
    expect(callOf(turn, 'a')).toMatchObject({ state: 'running', attempt: 1, start: 1_310 });
    expect(callOf(turn, 'b')).toMatchObject({
      state: 'retrying',
      attempt: 2,
      start: 1_300,
      message: 'refused',
    });
    const early = turnSnapshot('t', events, [{ ...running, startedEarlyAt: 1_250 }]);
    expect(callOf(early, 'a')).toMatchObject({ start: 1_250, startedEarly: true });
    const paused = { id: 'b', type: 'b', attempt: 2, state: 'paused' } as const;
    expect(statesOf(events, [paused])).toEqual([['succeeded', 'scheduled', 'paused']]);
  });

  it('does not let an older description undo what history says', () => {
    const events = [
      ...asked,
      scheduled('a', { at: 1_300 }),
      scheduled('b', { at: 1_300 }),
      ended('a', 1_900, { type: 'completed', result: { content: 'x', ...report } }),
      { type: 'cancelRequested', key: 'b' } as const,
    ];
    const before = ['a', 'b'].map((id) => ({
      id,
      type: id,
      attempt: 1,
      state: 'running' as const,
    }));
    expect(statesOf(events, before)).toEqual([['succeeded', 'succeeded', 'cancelling']]);
  });
});

function end(ending: Ending, limits = LIMITS, attempt = 1): CallSnapshot | undefined {
  const turn = turnSnapshot('t', [
    ...asked,
    scheduled('a', { at: 1_300, limits }),
    { type: 'started', at: 1_305, key: 'a', attempt },
    ended('a', 1_900, ending),
  ]);
  return callOf(turn, 'a');
}

describe('how a call ended', () => {
  it('has the times of its own report, which history does not have', () => {
    expect(end({ type: 'completed', result: { content: 'x', ...report } })).toMatchObject({
      state: 'succeeded',
      attempt: 1,
      start: 1_310,
      end: 1_800,
    });
  });

  it('has the times of history if its result cannot be read', () => {
    expect(end({ type: 'completed' })).toMatchObject({ start: 1_305, end: 1_900 });
  });

  it('begins with the first scheduling if it had to be retried', () => {
    const details = [{ ...report, attempt: 3 }];
    const ending = { type: 'failed', message: 'refused', details } as const;
    expect(end(ending, LIMITS, 3)).toMatchObject({
      state: 'failed',
      attempt: 3,
      start: 1_300,
      end: 1_800,
      message: 'refused (after 3 attempts)',
    });
  });

  it.each([
    ['plait.OutcomeUnknown', 'unknown'],
    ['plait.ToolTimedOut', 'timedOut'],
    ['TypeError', 'failed'],
  ])('follows from the type of its failure: %s is %s', (failureType, state) => {
    expect(end({ type: 'failed', message: 'm', failureType })?.state).toBe(state);
  });

  const begun = { begun: true, attempt: 1 };
  it.each([
    ['START_TO_CLOSE', LIMITS, undefined, 'timedOut', 'within 2 minutes'],
    ['HEARTBEAT', LOSSES_COUNT, begun, 'timedOut', 'no heartbeat for 10 s'],
    ['HEARTBEAT', NOT_REPEATABLE, begun, 'unknown', 'may or may not'],
    ['HEARTBEAT', NOT_REPEATABLE, undefined, 'failed', 'no effect'],
    ['SCHEDULE_TO_START', LIMITS, undefined, 'timedOut', 'no worker took the call'],
    ['SCHEDULE_TO_CLOSE', LIMITS, undefined, 'timedOut', 'Timed out'],
  ])('follows from the kind of its timeout: %s', (timeout, limits, heartbeat, state, text) => {
    const call = end({ type: 'timedOut', timeout, heartbeat }, limits);
    expect(call?.state).toBe(state);
    expect(call?.message).toContain(text);
  });

  it('is cancelled if it was asked to stop and did', () => {
    expect(end({ type: 'cancelled', details: [report] })).toMatchObject({
      state: 'cancelled',
      end: 1_800,
    });
  });
});

/** The same call, in another activity. */
function again(at: number): TurnEvent {
  const first = scheduled('a', { at }) as Extract<TurnEvent, { type: 'scheduled' }>;
  return { ...first, key: `a.${at}` };
}

describe('a call that the workflow schedules again', () => {
  const lost = [...asked, scheduled('a', { at: 1_300 })];
  const heartbeat = { begun: true, attempt: 1 };

  it.each<[why: string, ending: Ending, limits: typeof LIMITS, message: string, losses?: number]>([
    [
      'its worker was lost',
      { type: 'timedOut', timeout: 'HEARTBEAT', heartbeat },
      LIMITS,
      'The worker that ran the call was lost: no heartbeat for 10 s (heartbeatTimeout).',
      1,
    ],
    [
      'its worker shut down',
      { type: 'failed', message: 'shut down', failureType: 'plait.WorkerShutdown' },
      LIMITS,
      'shut down',
      1,
    ],
    [
      'its worker has no such tool',
      { type: 'failed', message: 'no tool', failureType: 'plait.ToolNotRegistered' },
      NOT_REPEATABLE,
      'no tool',
    ],
    [
      'its worker has no such activity',
      { type: 'failed', message: 'no activity', failureType: 'NotFoundError' },
      NOT_REPEATABLE,
      'no activity',
    ],
  ])('has not ended: %s', (_, ending, limits, message, losses) => {
    const events = [...asked, scheduled('a', { at: 1_300, limits }), ended('a', 1_900, ending)];
    expect(callOf(turnSnapshot('t', events), 'a')).toEqual({
      id: 'a',
      name: 'get_a',
      summary: '',
      state: 'retrying',
      attempt: 1 + (losses ?? 0),
      start: 1_300,
      message,
      ...(losses === undefined ? {} : { lostWorkers: losses }),
    });
    const next = callOf(turnSnapshot('t', [...events, again(2_000)]), 'a');
    expect(next).toMatchObject({ state: 'scheduled', start: 1_300, attempt: 1 + (losses ?? 0) });
    expect(next?.message).toBe(losses === undefined ? undefined : message);
  });

  it.each<[what: string, failureType: string, limits: typeof LIMITS, details?: unknown[]]>([
    ['an error of its tool that has the same name', 'NotFoundError', LIMITS, [report]],
    ['a shutdown that counts as a failure', 'plait.WorkerShutdown', LOSSES_COUNT],
  ])('is not one after %s', (_, failureType, limits, details = []) => {
    const ending: Ending = { type: 'failed', message: 'm', failureType, details };
    const events = [...asked, scheduled('a', { at: 1_300, limits }), ended('a', 1_900, ending)];
    expect(callOf(turnSnapshot('t', events), 'a')?.state).toBe('failed');
  });

  it('is reported as finished once, with its final outcome', () => {
    const translator = new EventTranslator('t');
    const events = [
      ...lost,
      ended('a', 1_900, { type: 'timedOut', timeout: 'HEARTBEAT', heartbeat }),
      again(2_000),
      ended('a.2000', 2_500, { type: 'completed', result: { type: 'result', ...report } }),
    ].flatMap((event) => translator.fromHistory(event));
    expect(events.filter(({ type }) => type === 'callFinished')).toMatchObject([
      { callId: 'a', outcome: 'succeeded' },
    ]);
  });
});

it('a turn is blocked from the first failure of a step until a worker takes it, or the turn ends', () => {
  const failed: TurnEvent[] = [
    ...asked,
    { type: 'taskFailed', at: 2_000, message: 'no codec' },
    { type: 'taskFailed', at: 3_000, message: 'no storage' },
  ];
  const closed: TurnEvent = {
    type: 'turnClosed',
    at: 4_000,
    status: 'terminated',
    ending: { type: 'failed', message: '' },
  };
  const blockedAfter = (...more: TurnEvent[]) => turnSnapshot('t', [...failed, ...more]).blocked;
  expect(blockedAfter()).toEqual({ since: 2_000, message: 'no storage' });
  expect(blockedAfter({ type: 'taskCompleted' })).toBeUndefined();
  expect(blockedAfter(closed)).toBeUndefined();
});

describe('calls that run within their workflow task', () => {
  const pinned = {
    policies: [
      ['get_a', { execution: 'local' }],
      ['get_b', { execution: 'local' }],
      ['get_c', {}],
    ] as const,
  };
  const local = [
    started,
    ...modelAsks(1, 1_200, [{ id: 'a' }, { id: 'x', invalid: 'No.' }, { id: 'b' }], {
      policies: [...pinned.policies],
    }),
  ];
  const failed = { type: 'failed', message: 'refused' } as const;

  it('run from the moment of the reply, if all calls of the reply may', () => {
    expect(statesOf(local)).toEqual([['succeeded', 'running', 'failed', 'running']]);
    const mixed = modelAsks(2, 3_000, [{ id: 'a' }, { id: 'c' }]);
    expect(statesOf([...local, ...mixed])[1]).toEqual(['succeeded', 'scheduled', 'scheduled']);
    const asked = modelAsks(1, 3_000, [{ id: 'a' }]);
    const session: TurnEvent = { ...started, localTools: ['get_a'] } as TurnEvent;
    expect(statesOf([session, ...asked])).toEqual([['succeeded', 'running']]);
  });

  it('end with the times of their report', () => {
    const turn = turnSnapshot('t', [
      ...local,
      endedLocally('a', { type: 'completed', result: { ...report, startedEarly: true } }),
      endedLocally('b', { ...failed, isFinal: true, details: [report] }),
      endedLocally('gone', failed),
    ]);
    expect(callOf(turn, 'a')).toMatchObject({ state: 'succeeded', start: 1_310, end: 1_800 });
    expect(callOf(turn, 'a')).toMatchObject({ startedEarly: true });
    expect(callOf(turn, 'b')).toMatchObject({ state: 'failed', message: 'refused', end: 1_800 });
  });

  it('are tried again as activities', () => {
    const again = [...local, endedLocally('a', failed)];
    expect(callOf(turnSnapshot('t', again), 'a')).toMatchObject({
      state: 'retrying',
      message: 'refused',
    });
    const activity = scheduled('a', { at: 2_100 });
    expect(callOf(turnSnapshot('t', [...again, activity]), 'a')).toMatchObject({
      state: 'scheduled',
      start: 1_200,
    });
  });

  it('have succeeded if they cannot be read and the model reads of no failure', () => {
    const next = scheduled('model.2', { at: 2_000, type: CALL_MODEL });
    expect(statesOf([...local, next])[0]).toEqual([
      'succeeded',
      'succeeded',
      'failed',
      'succeeded',
    ]);
    expect(statesOf([...local, endedLocally('a', failed), next])[0]).toContain('failed');
    const said = {
      ...next,
      answers: { messages: new Map([['b', 'refused']]), outcomes: { b: 'failed' } },
    } as TurnEvent;
    expect(callOf(turnSnapshot('t', [...local, said]), 'b')).toMatchObject({
      state: 'failed',
      message: 'refused',
    });
  });

  it('may have been at work if their turn was terminated', () => {
    const closed: TurnEvent = {
      type: 'turnClosed',
      at: 2_000,
      status: 'terminated',
      ending: { type: 'failed', message: '' },
    };
    expect(statesOf([...local, closed])).toEqual([['succeeded', 'unknown', 'failed', 'unknown']]);
  });
});

const completed = (result: unknown): Ending => ({ type: 'completed', result });

describe('the result of a call', () => {
  const result = { type: 'result', ...report, content: 'two degrees' };
  const turnCalled: TurnEvent = {
    type: 'turnCalled',
    at: 1_300,
    key: 'a',
    callId: 'a',
    turnId: 't.a',
    agent: 'researcher',
    taskQueue: 'plait',
  };
  const answer = {
    stopReason: 'end_turn',
    text: 'Snow.',
    rounds: 1,
    toolCalls: 0,
    usage: {
      input_tokens: 1,
      output_tokens: 1,
      cache_creation_input_tokens: 0,
      cache_read_input_tokens: 0,
    },
  };
  const local = [
    started,
    ...modelAsks(1, 1_200, [{ id: 'a' }], { policies: [['get_a', { execution: 'local' }]] }),
  ];

  it.each<[where: string, events: TurnEvent[], result: unknown]>([
    [
      'an activity',
      [...asked, scheduled('a', { at: 1_300 }), ended('a', 1_900, completed(result))],
      'two degrees',
    ],
    ['a local call', [...local, endedLocally('a', completed(result))], 'two degrees'],
    [
      'the turn of a sub-agent',
      [...asked, turnCalled, ended('a', 1_900, completed(answer))],
      'Snow.',
    ],
    [
      'a storage',
      [...asked, scheduled('a', { at: 1_300 }), ended('a', 1_900, completed(undefined))],
      undefined,
    ],
  ])('is reported to clients that ask for it: in %s', (_, events, result) => {
    const finishedFor = (results: boolean) => {
      const translator = new EventTranslator('t', { results });
      return events
        .flatMap((event) => translator.fromHistory(event))
        .find(({ type }) => type === 'callFinished');
    };
    expect(finishedFor(true)).toMatchObject({ callId: 'a', outcome: 'succeeded' });
    expect((finishedFor(true) as { result?: unknown }).result).toBe(result);
    expect(finishedFor(false)).not.toHaveProperty('result');
  });
});

describe('a turn that is closed', () => {
  const open = [...asked, scheduled('a', { at: 1_300 })];

  it('has the words of its result for every call', () => {
    const record = {
      id: 'b',
      name: 'get_b',
      input: {},
      outcome: 'skipped',
      message: 'Not executed.',
      round: 1,
      attempts: 0,
      start: new Date(1_400).toISOString(),
      end: new Date(1_400).toISOString(),
    };
    const ending = { type: 'completed', result: { stopReason: 'max_rounds', calls: [record] } };
    const turn = turnSnapshot('t', [
      ...open,
      { type: 'turnClosed', at: 2_000, status: 'completed', ending } as TurnEvent,
    ]);
    expect(turn).toMatchObject({ status: 'completed', stopReason: 'max_rounds', end: 2_000 });
    expect(callOf(turn, 'b')).toMatchObject({
      state: 'skipped',
      attempt: 0,
      start: 1_400,
      message: 'Not executed.',
    });
  });

  it('leaves nothing open when it was terminated', () => {
    const turn = turnSnapshot('t', [
      ...open,
      ...modelAsks(2, 1_800, []).slice(0, 1),
      {
        type: 'turnClosed',
        at: 2_000,
        status: 'terminated',
        ending: { type: 'failed', message: 'by an operator' },
      },
    ]);
    expect(turn).toMatchObject({ status: 'terminated', message: 'by an operator' });
    expect(callOf(turn, 'a')).toMatchObject({ state: 'unknown', end: 2_000 });
    expect(callOf(turn, 'b')).toMatchObject({ state: 'skipped' });
    expect(turn.rounds[1]?.model).toMatchObject({ state: 'cancelled', end: 2_000 });
  });
});

describe('recorded histories', () => {
  const converter = loadDataConverter(undefined);
  async function recorded(name: string): Promise<TurnSnapshot> {
    const path = new URL(`../../histories/${name}.json`, import.meta.url);
    const history = historyFromJSON(JSON.parse(await readFile(path, 'utf8')));
    const events = await Promise.all(
      (history.events ?? []).map((event) => readEvent(event, converter)),
    );
    return turnSnapshot(
      name,
      events.filter((event) => event !== undefined),
    );
  }

  it('draw the tree of three calls', async () => {
    const { rounds, ...turn } = await recorded('three-calls');
    expect(turn).toMatchObject({ status: 'completed', stopReason: 'end_turn' });
    expect(rounds.map(({ calls }) => calls.map(({ state }) => state))).toEqual([
      ['succeeded', 'succeeded', 'succeeded'],
      [],
    ]);
    for (const { start = 0, end = 0 } of rounds.flatMap(({ calls }) => calls)) {
      expect(end).toBeGreaterThanOrEqual(start);
    }
  });

  it('draw mixed results, a cancel, and a turn that failed', async () => {
    const mixed = (await recorded('mixed-results')).rounds.flatMap(({ calls }) => calls);
    expect(new Set(mixed.map(({ state }) => state)).size).toBeGreaterThan(1);
    expect(await recorded('cancelled')).toMatchObject({ stopReason: 'cancelled' });
    const refused = await recorded('model-refused');
    expect(refused.status === 'failed' || refused.stopReason === 'refusal').toBe(true);
  });
});
