import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Runtime } from '@temporalio/worker';
import { describe, expect, test, vi } from 'vitest';
import type { TurnHandle, TurnSnapshot, TurnStreamEvent } from '../../client/index.ts';
import type { Tool, ToolContext, TurnResult } from '../../index.ts';
import { ToolError } from '../../index.ts';
import { directoryStorage } from '../../storage/index.ts';
import { aborted } from '../../testing/aborted.ts';
import type { ScriptedCalls } from '../../testing/replies.ts';
import { callTools, paced, say } from '../../testing/replies.ts';
import { conversation } from '../../testing/script.ts';
import { eventsOf } from '../fixtures/history.ts';
import { Intervals } from '../fixtures/intervals.ts';
import { startPlait } from '../fixtures/plait.ts';
import { newSessionId } from '../fixtures/sessions.ts';
import { agentWith, reader, writer } from '../fixtures/tools.ts';
import { answers, begin, latch } from '../fixtures/waiting-turns.ts';

type Run = Parameters<typeof reader>[1];
type Extras = NonNullable<Parameters<typeof reader>[2]>;

const local = (name: string, run: Run, extras: Extras = {}) =>
  reader(name, run, { execution: 'local', ...extras });

/** The names of the tools whose calls were activities, in order. */
async function activitiesOf(turn: TurnHandle): Promise<string[]> {
  const scheduled = await eventsOf(turn, 'activityTaskScheduledEventAttributes');
  return scheduled.flatMap(({ type }) => (type.includes('.') ? [] : type));
}

/** How many local attempts the history of a turn has. */
async function markersOf(turn: TurnHandle): Promise<number> {
  const { events } = await turn.workflow.fetchHistory();
  return (events ?? []).filter(
    ({ markerRecordedEventAttributes: marker }) => marker?.markerName === 'core_local_activity',
  ).length;
}

/** One turn whose model makes these calls and stops when they are answered. */
async function turnOf(
  tools: readonly Tool[],
  calls: ScriptedCalls,
  options: Parameters<typeof begin>[2] = {},
): Promise<{ result: TurnResult; activities: string[]; markers: number; watched: TurnSnapshot }> {
  const { plait, turn } = await begin(tools, calls, options);
  await using _ = plait;
  const result = await turn.result();
  let watched: TurnSnapshot | undefined;
  for await (watched of turn.watch());
  return {
    result,
    activities: await activitiesOf(turn),
    markers: await markersOf(turn),
    watched: watched as TurnSnapshot,
  };
}

/** What `watch()` says of the calls must be what the result says, although it reads something else. */
function expectTheSame(watched: TurnSnapshot, { calls }: TurnResult): void {
  const seen = watched.rounds.flatMap((round) => round.calls);
  expect(seen.map(({ id, name, state, attempt, message }) => [id, name, state, attempt, message])) //
    .toEqual(
      calls.map(({ id, name, outcome, attempts, message }) => [
        id,
        name,
        outcome,
        attempts,
        message,
      ]),
    );
}

const texts = ({ calls }: TurnResult) => calls.map(({ name, message }) => [name, message]);

const outcomes = ({ calls }: TurnResult) =>
  calls.map(({ name, outcome, attempts }) => [name, outcome, attempts]);

test('the calls of a reply run within its workflow task, and history has only their ends', async () => {
  const contexts: ToolContext[] = [];
  const look = local('look', (_, ctx) => {
    contexts.push(ctx);
    return { seen: ctx.callId };
  });
  const { result, activities, markers, watched } = await turnOf(
    [look],
    [
      ['look', { id: 1 }, 'toolu_1'],
      ['look', { id: 2 }, 'toolu_2'],
      ['look', { id: 1 }, 'toolu_3'],
    ],
  );

  expect([activities, markers]).toEqual([[], 3]);
  expect(outcomes(result)).toEqual(Array.from({ length: 3 }, () => ['look', 'succeeded', 1]));
  expect(answers(result).map(({ text }) => text)).toEqual([
    '{"seen":"toolu_1"}',
    '{"seen":"toolu_2"}',
    '{"seen":"toolu_3"}',
  ]);
  expectTheSame(watched, result);
  expect(contexts.map(({ callId, attempt }) => `${callId} ${attempt}`).toSorted()).toEqual([
    'toolu_1 1',
    'toolu_2 1',
    'toolu_3 1',
  ]);
  expect(new Set(contexts.map(({ idempotencyKey }) => idempotencyKey)).size).toBe(3);
});

test('if one call of a reply must be an activity, all of them are', async () => {
  const { activities, markers, result } = await turnOf(
    [local('look', () => 'seen'), writer('pay', () => 'paid')],
    { look: {}, pay: {} },
  );

  expect([activities, markers]).toEqual([['look', 'pay'], 0]);
  expect(outcomes(result).map(([, outcome]) => outcome)).toEqual(['succeeded', 'succeeded']);
});

test('however local calls end, they are answered like activities', async () => {
  const attempts: number[] = [];
  const keys: string[] = [];
  const details: unknown[] = [];
  const tools = (execution: 'local' | 'activity') => [
    reader('look', () => 'seen', { execution }),
    reader(
      'flaky',
      (_, ctx) => {
        attempts.push(ctx.attempt);
        keys.push(ctx.idempotencyKey);
        details.push(ctx.heartbeatDetails);
        ctx.heartbeat({ page: ctx.attempt });
        if (ctx.attempt < 3) throw new Error('not yet');
        return 'at last';
      },
      { execution },
    ),
    reader(
      'broken',
      () => {
        throw new Error('connection refused');
      },
      { execution },
    ),
    reader(
      'final',
      () => {
        throw new ToolError('no such customer', { retryable: false });
      },
      { execution },
    ),
    reader('odd', () => () => 'a function', { execution }),
    reader('slow', (_, { signal }) => aborted(signal), {
      execution,
      activity: { startToCloseTimeout: 300, retry: { maximumAttempts: 2 } },
    }),
    reader('deaf', ({ n }) => sleep(Number(n), 'too late'), {
      execution,
      activity: { startToCloseTimeout: 300, retry: { maximumAttempts: 2 } },
    }),
  ];
  const calls = {
    look: {},
    flaky: {},
    broken: {},
    final: {},
    odd: {},
    slow: {},
    deaf: { n: 1_500 },
    no_such_tool: {},
  };

  const here = await turnOf(tools('local'), calls);
  const there = await turnOf(tools('activity'), calls);

  expect(outcomes(here.result)).toEqual(outcomes(there.result));
  expect(texts(here.result)).toEqual(texts(there.result));
  expect(answers(here.result).map(({ text }) => text)).toEqual(
    answers(there.result).map(({ text }) => text),
  );
  expectTheSame(here.watched, here.result);
  expect(here.markers).toBe(7);
  // The first attempt was local, each further one is an activity.
  expect(here.activities.toSorted()).toEqual(['broken', 'deaf', 'flaky', 'slow']);
  expect(attempts).toEqual([1, 2, 3, 1, 2, 3]);
  expect(details).toEqual([
    undefined,
    { page: 1 },
    { page: 2 },
    undefined,
    { page: 1 },
    { page: 2 },
  ]);
  expect(new Set(keys).size).toBe(2);
});

test('a call waits before its next attempt as long as its error asks for', async () => {
  const wait = local('look', (_, { attempt }) => {
    if (attempt === 1) throw new ToolError('too many requests', { nextRetryDelay: '1500ms' });
    return 'seen';
  });
  const { plait, turn } = await begin([wait], { look: {} });
  await using _ = plait;

  expect(outcomes(await turn.result())).toEqual([['look', 'succeeded', 2]]);
  const { events } = await turn.workflow.fetchHistory();
  const timers = (events ?? []).flatMap(
    ({ timerStartedEventAttributes: timer }) => timer?.startToFireTimeout ?? [],
  );
  expect(timers.map(({ seconds, nanos }) => [Number(seconds), nanos])).toEqual([[1, 500_000_000]]);
});

test('calls that touch the same thing run one after another, and no more at once than allowed', async () => {
  const seen = new Intervals();
  const work = ({ name }: Record<string, unknown>) => seen.work(String(name), 20);
  const tools = [
    local('write', work, { annotations: { idempotentHint: true }, access: { writes: 'path' } }),
    local('narrow', work, { concurrency: 1 }),
  ];
  const { activities } = await turnOf(tools, [
    ['write', { path: '/a', name: 'a1' }],
    ['write', { path: '/a', name: 'a2' }],
    ['narrow', { name: 'n1' }],
    ['narrow', { name: 'n2' }],
    ['narrow', { name: 'n3' }],
  ]);

  expect(activities).toEqual([]);
  expect(seen.names.filter((name) => name.startsWith('a'))).toEqual(['a1', 'a2']);
  expect([seen.mostAtOnce('a'), seen.mostAtOnce('n')]).toEqual([1, 1]);
});

test('calls that have to wait too long become activities, so that the turn can receive messages', async () => {
  const seen = new Intervals();
  const narrow = local('narrow', ({ name }) => seen.work(String(name), 1_100), { concurrency: 1 });
  const { result, activities, markers } = await turnOf(
    [narrow],
    [1, 2, 3, 4].map((n) => ['narrow', { name: `n${n}` }] as const),
  );

  expect(result.calls.map(({ outcome }) => outcome)).toEqual(Array(4).fill('succeeded'));
  // On a busy machine fewer are local.
  expect(markers + activities.length).toBe(4);
  expect(activities.length).toBeGreaterThanOrEqual(1);
  expect(markers).toBeGreaterThanOrEqual(1);
  expect(seen.mostAtOnce()).toBe(1);
});

test('the first failure cancels the other local calls, if the agent says so', async () => {
  const hangs = latch();
  let reason: unknown;
  const tools = [
    local('hang', (_, { signal }) => {
      hangs.open();
      return aborted(signal).catch((error: unknown) => {
        reason = error;
        throw error;
      });
    }),
    local('fail', async () => {
      await hangs.opened;
      throw new ToolError('gone', { retryable: false });
    }),
  ];
  const { result, activities, watched } = await turnOf(
    tools,
    { hang: {}, fail: {} },
    { agent: { onToolFailure: 'cancelSiblings' } },
  );

  expect(outcomes(result)).toEqual([
    ['hang', 'cancelled', 1],
    ['fail', 'failed', 1],
  ]);
  expect(String(reason)).toContain('CANCELLED');
  expect(activities).toEqual([]);
  expectTheSame(watched, result);
});

test('a turn that is cancelled meanwhile ends when its local calls have ended', async () => {
  const began = latch();
  const go = latch();
  const look = local('look', async () => {
    began.open();
    await go.opened;
    return 'seen';
  });
  const agent = agentWith([look]);
  await using plait = await startPlait({
    agents: [agent],
    script: conversation('go', [
      callTools({ look: {} }),
      // The turn hears of the cancel while the model is asked again.
      paced({ afterBlock: () => new Promise(() => undefined) }, say('Done.')),
    ]),
  });
  const turn = await plait.agents.start(agent, 'go');
  await began.opened;

  await turn.cancel();
  go.open();
  const result = await turn.result();

  expect(result.stopReason).toBe('cancelled');
  expect(outcomes(result)).toEqual([['look', 'succeeded', 1]]);
});

test('a call that waits for its next attempt is cancelled with the turn', async () => {
  const failed = latch();
  const look = local('look', () => {
    failed.open();
    throw new ToolError('later', { nextRetryDelay: '10m' });
  });
  const { plait, turn } = await begin([look], { look: {} });
  await using _ = plait;
  await failed.opened;
  for await (const { rounds } of turn.watch()) {
    const [call] = rounds[0]?.calls ?? [];
    if (call?.state !== 'retrying') continue;
    expect(call.message).toBe('later');
    break;
  }

  await turn.cancel();
  const result = await turn.result();

  expect(result.stopReason).toBe('cancelled');
  expect(outcomes(result)).toEqual([['look', 'cancelled', 0]]);
});

test('a batch with little time runs as activities, and one with enough time keeps its limit', async () => {
  const hang = local(
    'look',
    ({ n }) => {
      if (n === 1) throw new Error('once more');
      return 'seen';
    },
    // The time is up while it waits for an attempt, which no worker has to notice first.
    { activity: { retry: { initialInterval: 1_000, maximumAttempts: 1_000 } } },
  );
  const short = await turnOf([hang], { look: { n: 0 } }, { turn: { batchTimeout: '2s' } });
  const long = await turnOf([hang], { look: { n: 1 } }, { turn: { batchTimeout: '9s' } });

  expect([short.activities, short.markers]).toEqual([['look'], 0]);
  expect(long.markers).toBe(1);
  expect(long.result.calls).toMatchObject([{ outcome: 'skipped' }]);
  expect(long.result.calls[0]?.message).toMatch(/9 s/);
});

test('local calls take over early runs', async () => {
  const ran = latch();
  let runs = 0;
  const look = local('look', () => {
    runs += 1;
    ran.open();
    return 'seen';
  });
  const agent = agentWith([look], { early: true });
  await using plait = await startPlait({
    agents: [agent],
    script: conversation('go', [
      paced({ afterBlock: () => ran.opened }, callTools([['look', {}, 'toolu_1']])),
      say('Done.'),
    ]),
  });
  const turn = await plait.agents.start(agent, 'go');

  const { calls } = await turn.result();
  expect(calls).toMatchObject([
    { id: 'toolu_1', outcome: 'succeeded', attempts: 1, startedEarly: true },
  ]);
  expect([runs, await activitiesOf(turn)]).toEqual([1, []]);
});

test('a tool that runs locally cannot be completed from outside, however its call runs', async () => {
  const look = local('look', (_, { later }) => later());
  const here = await turnOf([look], { look: {} });
  const there = await turnOf([look, writer('pay', () => 'paid')], { look: {}, pay: {} });

  for (const { result } of [here, there]) {
    expect(result.calls[0]).toMatchObject({ outcome: 'failed', attempts: 1 });
    expect(result.calls[0]?.message).toBe(
      "ctx.later(): a tool with execution: 'local' cannot be completed from outside. Leave out execution.",
    );
  }
});

test('the log lines of a local call name the call', async () => {
  const info = vi.spyOn(Runtime.instance().logger, 'info');
  const { result } = await turnOf(
    [local('look', (_, { log }) => log.info('looking'))],
    [['look', {}, 'toolu_1']],
  );
  const about = info.mock.calls.find(([text]) => text === 'looking')?.[1];
  info.mockRestore();

  expect(outcomes(result)).toEqual([['look', 'succeeded', 1]]);
  expect(about).toMatchObject({ activityType: 'look', activityId: 'toolu_1', attempt: 1 });
});

describe('clients that follow the turn', () => {
  test('see that a local call runs, and how it ended', async () => {
    const go = latch();
    const look = local('look', async ({ n }) => {
      await go.opened;
      if (n === 2) throw new ToolError('gone', { retryable: false });
      return 'seen';
    });
    const { plait, turn } = await begin(
      [look],
      [
        ['look', { n: 1 }, 'toolu_1'],
        ['look', { n: 2 }, 'toolu_2'],
      ],
    );
    await using _ = plait;
    const states: string[][] = [];
    for await (const { rounds } of turn.watch()) {
      const [round] = rounds;
      if (round !== undefined) states.push(round.calls.map(({ state }) => state));
      if (states.at(-1)?.includes('running') === true) go.open();
    }

    expect(states).toContainEqual(['running', 'running']);
    expect(states.at(-1)).toEqual(['succeeded', 'failed']);
    const events: TurnStreamEvent[] = [];
    for await (const event of turn.stream()) events.push(event);
    // Both end at the same time, in any order.
    expect(
      events
        .flatMap((event) => ('callId' in event ? `${event.type} ${event.callId}` : []))
        .toSorted(),
    ).toEqual([
      'callFinished toolu_1',
      'callFinished toolu_2',
      'callScheduled toolu_1',
      'callScheduled toolu_2',
    ]);
  });

  test('learn that its end is unknown, if its turn was terminated', async () => {
    const began = latch();
    const go = latch();
    const look = local('look', async () => {
      began.open();
      await go.opened;
    });
    const { plait, turn } = await begin([look], { look: {} });
    await using _ = plait;
    await began.opened;
    await turn.workflow.terminate('enough');
    let last: TurnSnapshot | undefined;
    for await (last of turn.watch());
    go.open();

    expect(last?.rounds[0]?.calls).toMatchObject([{ state: 'unknown' }]);
  });
});

test('the turns of a session also run their calls locally', async () => {
  const agent = agentWith([local('look', () => 'seen')]);
  await using plait = await startPlait({
    agents: [agent],
    script: ({ round }) => (round === 0 ? callTools({ look: {} }) : say('Done.')),
  });
  const session = await plait.agents.startSession(agent, { sessionId: newSessionId() });
  for (const text of ['one', 'two']) {
    const turn = await session.send(text);
    expect(outcomes(await turn.result())).toEqual([['look', 'succeeded', 1]]);
    const handle = plait.agents.getTurn(turn.turnId);
    expect(await activitiesOf(handle)).toEqual([]);
    let last: TurnSnapshot | undefined;
    for await (last of handle.watch());
    expect(last?.rounds[0]?.calls).toMatchObject([{ state: 'succeeded' }]);
  }
  await session.close();
});

test('results that do not fit into one workflow task make their calls go on as activities, and none is lost', async () => {
  const { result, activities, markers } = await turnOf(
    [local('look', ({ n }) => String(n).repeat(90_000))],
    Array.from({ length: 40 }, (_, n) => ['look', { n: n % 10 }] as const),
    {
      environment: {
        debugMode: false,
        storage: directoryStorage(mkdtempSync(join(tmpdir(), 'plait-storage-'))),
      },
    },
  );

  expect(result.calls.map(({ outcome }) => outcome)).toEqual(Array(40).fill('succeeded'));
  expect(markers).toBe(40);
  expect(activities.length).toBeGreaterThan(20);
  expect(activities.length).toBeLessThan(40);
  for (const [n, { text }] of answers(result).entries()) {
    expect(text.slice(0, 100)).toBe(`${n % 10}`.repeat(100));
  }
});

test('a worker without a workflow cache answers local calls', async () => {
  const { result } = await turnOf(
    [local('look', () => sleep(50, 'seen'))],
    [
      ['look', { n: 1 }],
      ['look', { n: 2 }],
    ],
    { environment: { maxCachedWorkflows: 0 } },
  );

  expect(result.calls.map(({ outcome }) => outcome)).toEqual(['succeeded', 'succeeded']);
});
