import { AsyncLocalStorage } from 'node:async_hooks';
import { setImmediate } from 'node:timers/promises';
import { Context } from '@temporalio/activity';
import { Runtime } from '@temporalio/worker';
import type { ActivityExecuteInput } from '@temporalio/worker';
import { expect, test, vi } from 'vitest';
import { z } from 'zod';
import type { TurnSnapshot } from '../../client/index.ts';
import type { Tool, ToolContext } from '../../index.ts';
import { defineTool } from '../../index.ts';
import type { ScriptedCalls } from '../../testing/replies.ts';
import { callTools, paced, reply, say } from '../../testing/replies.ts';
import { conversation } from '../../testing/script.ts';
import { startPlait } from '../fixtures/plait.ts';
import { agentWith, reader, writer } from '../fixtures/tools.ts';
import { until, untilRecorded } from '../fixtures/until.ts';
import { answers, latch } from '../fixtures/waiting-turns.ts';

type Environment = Partial<Parameters<typeof startPlait>[0]>;

/** A turn whose model makes these calls, one after the other: `afterCall` holds up what follows each. */
async function turnWith(
  tools: readonly Tool[],
  calls: ScriptedCalls,
  afterCall: (index: number) => unknown,
  {
    agent: extras,
    environment,
  }: { agent?: Parameters<typeof agentWith>[1]; environment?: Environment } = {},
) {
  const agent = agentWith(tools, { early: true, ...extras });
  const script = conversation('go', [
    paced({ afterBlock: afterCall }, callTools(calls)),
    say('Done.'),
  ]);
  const plait = await startPlait({ agents: [agent], script, ...environment });
  const turn = await plait.agents.start(agent, 'go');
  return { plait, agent, turn };
}

test('a call that only reads runs while the reply comes, and its activity takes the result', async () => {
  const ran = latch();
  const contexts: ToolContext[] = [];
  let whole = false;
  let wholeAt = 0;
  const wholeAtBegin: boolean[] = [];
  const look = reader('look', (input, ctx) => {
    wholeAtBegin.push(whole);
    contexts.push(ctx);
    // What the tool does to its input does not change what the model wrote.
    input['id'] = 'changed';
    ran.open();
    return 'seen';
  });
  const { plait, turn } = await turnWith([look], [['look', { id: 7 }, 'toolu_1']], async () => {
    await ran.opened;
    // What it returned has become its result.
    await setImmediate();
    whole = true;
    wholeAt = Date.now();
  });
  await using _ = plait;

  const result = await turn.result();
  expect(wholeAtBegin).toEqual([false]);
  expect(result.calls).toMatchObject([
    { id: 'toolu_1', input: { id: 7 }, outcome: 'succeeded', attempts: 1, startedEarly: true },
  ]);
  // By the clock of this process, as everything here.
  expect(Date.parse(result.calls[0]?.start ?? '')).toBeLessThanOrEqual(wholeAt);
  expect(Date.parse(result.calls[0]?.end ?? '')).toBeLessThanOrEqual(wholeAt);
  let watched: TurnSnapshot | undefined;
  for await (const snapshot of turn.watch()) watched = snapshot;
  expect(watched?.rounds[0]?.calls).toMatchObject([{ startedEarly: true }]);
  expect(contexts[0]).toMatchObject({
    turnId: turn.turnId,
    callId: 'toolu_1',
    agent: 'tester',
    attempt: 1,
    heartbeatDetails: undefined,
  });
  expect(result.messages[1]?.content).toMatchObject([{ input: { id: 7 } }]);
});

test('a slow call that outlives the reply runs once, under the limits of its activity', async () => {
  const began = latch();
  const cancelled = latch();
  let runs = 0;
  const look = reader('look', async (_, { signal }) => {
    runs += 1;
    began.open();
    await new Promise<void>((resolve) => {
      signal.addEventListener('abort', () => resolve());
    });
    cancelled.open();
    throw signal.reason;
  });
  const { plait, turn } = await turnWith([look], { look: {} }, () => began.opened);
  await using _ = plait;
  for await (const { rounds } of turn.watch()) {
    if (rounds[0]?.calls[0]?.state === 'running') break;
  }
  await turn.cancel();

  await cancelled.opened;
  const result = await turn.result();
  expect(runs).toBe(1);
  expect(result.calls).toMatchObject([{ outcome: 'cancelled', attempts: 1 }]);
});

test('a call that fails early is forgotten: its activity runs the tool as its first attempt', async () => {
  const failed = latch();
  const attempts: number[] = [];
  const info = vi.spyOn(Runtime.instance().logger, 'info');
  const look = reader('look', (_, { attempt, log }) => {
    attempts.push(attempt);
    log.info('looking');
    if (attempts.length > 1) return 'seen';
    failed.open();
    throw new Error('not yet');
  });
  const { plait, turn } = await turnWith([look], { look: {} }, () => failed.opened);
  await using _ = plait;

  const { calls } = await turn.result();
  expect(calls).toMatchObject([{ outcome: 'succeeded', attempts: 1 }]);
  expect(calls[0]).not.toHaveProperty('startedEarly');
  expect(attempts).toEqual([1, 1]);
  // What both write to the log says the same of the call.
  const logged = info.mock.calls.filter(([text]) => text === 'looking').map(([, about]) => about);
  info.mockRestore();
  expect(logged).toHaveLength(2);
  const [early, ordinary] = logged;
  expect(early).not.toHaveProperty('taskToken');
  expect({ ...ordinary, taskToken: undefined }).toEqual(early);
  expect(early).toMatchObject({
    workflowId: turn.turnId,
    activityId: calls[0]?.id,
    activityType: 'look',
    attempt: 1,
  });
});

test("the early run is outside of the model request's activity, so a tool that needs an activity runs in its own", async () => {
  const ran = latch();
  const found: string[] = [];
  const look = reader('look', () => {
    ran.open();
    found.push('none');
    found[found.length - 1] = Context.current().info.activityType;
    return 'seen';
  });
  const { plait, turn } = await turnWith([look], { look: {} }, () => ran.opened);
  await using _ = plait;

  expect((await turn.result()).calls).toMatchObject([{ outcome: 'succeeded', attempts: 1 }]);
  expect(found).toEqual(['none', 'look']);
});

test('a call that leaves its completion to others does so in its activity', async () => {
  const ran = latch();
  const tokens: string[] = [];
  let runs = 0;
  const look = reader('look', (_, ctx) => {
    runs += 1;
    ran.open();
    const later = ctx.later();
    tokens.push(later.token);
    return later;
  });
  const { plait, turn } = await turnWith([look], { look: {} }, () => ran.opened);
  await using _ = plait;
  for await (const { rounds } of turn.watch()) {
    if (rounds[0]?.calls[0]?.state === 'waiting') break;
  }
  await plait.agents.completeToolCall(tokens[0] ?? '', 'by hand');

  expect((await turn.result()).calls).toMatchObject([{ outcome: 'succeeded', attempts: 1 }]);
  expect({ runs, tokens: tokens.length }).toEqual({ runs: 2, tokens: 1 });
});

test('heartbeats before the join are kept, and sent when the activity has begun', async () => {
  const began = latch();
  const goOn = latch();
  let start = 0;
  const look = reader('look', async (_, ctx) => {
    start = Date.now();
    ctx.heartbeat({ page: 7 });
    began.open();
    await goOn.opened;
    return 'seen';
  });
  const { plait, turn } = await turnWith([look], { look: {} }, () => began.opened);
  await using _ = plait;
  await untilRecorded(turn, '"page":7');
  // A watcher learns with the heartbeat that the tool began before its activity.
  for await (const { rounds } of turn.watch()) {
    const [call] = rounds[0]?.calls ?? [];
    if (call?.startedEarly !== true) continue;
    expect(call.state).toBe('running');
    expect(call.start).toBeLessThanOrEqual(start);
    break;
  }
  goOn.open();

  expect((await turn.result()).calls).toMatchObject([{ outcome: 'succeeded', attempts: 1 }]);
});

test('the same call twice in one reply runs twice, each once', async () => {
  const keys: string[] = [];
  const both = latch();
  const look = reader('look', (_, { idempotencyKey }) => {
    keys.push(idempotencyKey);
    if (keys.length === 2) both.open();
    return `seen ${keys.length}`;
  });
  const { plait, turn } = await turnWith(
    [look],
    [
      ['look', { id: 1 }],
      ['look', { id: 1 }],
    ],
    (index) => (index === 1 ? both.opened : undefined),
  );
  await using _ = plait;

  const result = await turn.result();
  expect(new Set(keys).size).toBe(2);
  expect(keys).toHaveLength(2);
  expect(answers(result).map(({ text }) => text)).toEqual(['seen 1', 'seen 2']);
});

test('calls that would wait, or may change something, wait for the whole reply', async () => {
  const early: string[] = [];
  const first = latch();
  let whole = false;
  const run = (name: string) => (input: Record<string, unknown>) => {
    if (!whole) early.push(`${name} ${String(input['id'])}`);
    first.open();
    return name;
  };
  const path = { access: { reads: 'path' } } as const;
  const tools = [
    reader('look', run('look')),
    reader('read', run('read'), path),
    reader('off', run('off'), { startCallsEarly: false }),
    reader('single', run('single'), { concurrency: 1 }),
    reader('elsewhere', run('elsewhere'), { activity: { taskQueue: `elsewhere-${Date.now()}` } }),
    reader('asks', run('asks'), { approval: () => false }),
    writer('write', run('write'), { access: { writes: 'path' } }),
    writer('again', run('again'), { annotations: { idempotentHint: true } }),
  ];
  const { plait, turn } = await turnWith(
    tools,
    [
      ['write', { path: 'a', id: 1 }],
      ['read', { path: 'a', id: 2 }],
      ['read', { path: 'b', id: 3 }],
      ['off', { id: 4 }],
      ['single', { id: 5 }],
      ['single', { id: 6 }],
      ['elsewhere', { id: 7 }],
      ['asks', { id: 8 }],
      ['again', { id: 9 }],
      ['no_such_tool', { id: 10 }],
      ['look', { id: 11 }],
    ],
    async (index) => {
      if (index < 10) return;
      await until(() => early.length === 3);
      whole = true;
    },
  );
  await using _ = plait;

  const result = await turn.result();
  expect(early).toEqual(['read 3', 'single 5', 'look 11']);
  expect(result.calls.filter(({ outcome }) => outcome !== 'succeeded')).toMatchObject([
    { name: 'no_such_tool' },
  ]);
});

test('a call by code, an action of a toolset and a call with an invalid input wait for the whole reply', async () => {
  const CODE = 'code_execution_20260120' as const;
  const early: string[] = [];
  const direct = latch();
  let whole = false;
  const run = (name: string) => (input: Record<string, unknown>) => {
    if (!whole) early.push(name);
    if (input['last'] === true) direct.open();
    return name;
  };
  const tools = [
    reader('look', run('look'), { allowedCallers: ['direct', CODE] }),
    reader('browser', run('browser')),
    defineTool({
      name: 'checked',
      description: 'Checks.',
      inputSchema: z.object({ path: z.string() }),
      annotations: { readOnlyHint: true },
      run: run('checked'),
    }),
  ];
  const agent = agentWith(tools, {
    early: true,
    serverTools: [{ type: CODE, name: 'code_execution' }, { type: 'browser_toolset_20260801' }],
  });
  const code = { type: CODE, tool_id: 'srvtoolu_code' };
  const asked = reply(
    { content: [{ type: 'tool_use', name: 'look', input: {}, caller: code }] },
    { content: [{ type: 'tool_use', name: 'click', input: {}, toolset_name: 'browser' }] },
    callTools([
      ['checked', { path: 7 }],
      ['look', { last: true }],
    ]),
  );
  const afterBlock = async (index: number) => {
    if (index < 3) return;
    await direct.opened;
    whole = true;
  };
  const container = { id: 'container_1', expires_at: new Date(Date.now() + 600_000).toISOString() };
  const script = conversation('go', [{ ...paced({ afterBlock }, asked), container }, say('Done.')]);
  await using plait = await startPlait({ agents: [agent], script });

  const { calls } = await plait.agents.execute(agent, 'go');
  expect(early).toEqual(['look']);
  expect(calls.map(({ name, outcome }) => [name, outcome])).toEqual([
    ['look', 'succeeded'],
    ['browser', 'succeeded'],
    ['checked', 'failed'],
    ['look', 'succeeded'],
  ]);
});

test('no more than 32 calls of a reply start early', async () => {
  const full = latch();
  let whole = false;
  let early = 0;
  const look = reader('look', () => {
    if (!whole) early += 1;
    if (early === 32) full.open();
    return 'seen';
  });
  const calls = Array.from({ length: 34 }, (_, id) => ['look', { id }] as const);
  const { plait, turn } = await turnWith([look], calls, async (index) => {
    if (index < 33) return;
    await full.opened;
    whole = true;
  });
  await using _ = plait;

  expect((await turn.result()).calls.filter((call) => call.startedEarly)).toHaveLength(32);
  expect(early).toBe(32);
});

test('a tool that is out of time while the reply comes is stopped, and its activity runs it again', async () => {
  const stopped = latch();
  const reasons: unknown[] = [];
  const keys: string[] = [];
  const look = reader(
    'look',
    async (_, { signal, idempotencyKey }) => {
      keys.push(idempotencyKey);
      if (keys.length > 1) return 'seen';
      await new Promise<void>((resolve) => {
        signal.addEventListener('abort', () => resolve());
      });
      reasons.push(signal.reason);
      stopped.open();
      throw signal.reason;
    },
    { activity: { startToCloseTimeout: '1s' } },
  );
  const { plait, turn } = await turnWith([look], { look: {} }, () => stopped.opened);
  await using _ = plait;

  expect((await turn.result()).calls).toMatchObject([{ outcome: 'succeeded', attempts: 1 }]);
  expect(reasons).toMatchObject([{ message: 'startToCloseTimeout' }]);
  // Both runs are of one call.
  expect(keys).toHaveLength(2);
  expect(keys[0]).toBe(keys[1]);
});

test.each([
  ['the agent has switched it off', { agent: { startCallsEarly: false } }],
  ['the reply is the last that the budget allows', { agent: { rounds: 1 } }],
  ['the model has a task queue of its own', { agent: { modelTaskQueue: 'early-models' } }],
  ['the budget has no call left', { agent: { limits: { toolCalls: 0 } } }],
  [
    'the worker has activity interceptors',
    { environment: { interceptors: { activity: [() => ({})] } } },
  ],
  ['the worker limits the rate of activities', { environment: { maxActivitiesPerSecond: 1_000 } }],
] as const)('no call starts early if %s', async (...[, options]) => {
  let whole = false;
  const wholeAtBegin: boolean[] = [];
  const look = reader('look', () => {
    wholeAtBegin.push(whole);
    return 'seen';
  });
  const { plait, turn } = await turnWith(
    [look],
    { look: {} },
    async () => {
      for (let i = 0; i < 20; i += 1) await setImmediate();
      whole = true;
    },
    options as never,
  );
  await using _ = plait;
  await turn.result();

  expect(wholeAtBegin.every(Boolean)).toBe(true);
});

test('if the worker has activity interceptors, an agent may start its calls early, and they do not see the run', async () => {
  const ran = latch();
  const around = new AsyncLocalStorage<string>();
  const interceptor = ({ info }: Context) => ({
    inbound: {
      execute: async (
        input: ActivityExecuteInput,
        next: (given: ActivityExecuteInput) => unknown,
      ) => await around.run(info.activityType, () => next(input)),
    },
  });
  const seen: unknown[] = [];
  const look = reader('look', () => {
    seen.push(around.getStore());
    ran.open();
    return 'seen';
  });
  const { plait, turn } = await turnWith([look], { look: {} }, () => ran.opened, {
    agent: { startCallsEarly: true },
    environment: { interceptors: { activity: [interceptor] } },
  });
  await using _ = plait;

  expect((await turn.result()).calls).toMatchObject([{ startedEarly: true, attempts: 1 }]);
  expect(seen).toEqual([undefined]);
});
