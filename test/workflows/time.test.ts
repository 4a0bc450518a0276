import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, test } from 'vitest';
import type { Agent, Tool, ToolContext, TurnResult } from '../../index.ts';
import { ToolError } from '../../index.ts';
import { callTools, say } from '../../testing/replies.ts';
import { conversation } from '../../testing/script.ts';
import { withToolFaults, workerDies } from '../../testing/tool-faults.ts';
import { until } from '../fixtures/until.ts';
import { latch } from '../fixtures/waiting-turns.ts';
import { startPlait } from '../fixtures/plait.ts';
import { aborted } from '../../testing/aborted.ts';
import { agentWith, reader, writer } from '../fixtures/tools.ts';

/** One turn that calls every tool of the agent once. Only its own queue is served. */
async function callEach(agent: Agent): Promise<TurnResult> {
  const calls = [...agent.tools.keys()].map((name) => [name, {}] as const);
  const taskQueue = `time-${randomUUID()}`;
  await using plait = await startPlait({
    agents: [agent],
    taskQueue,
    taskQueues: [taskQueue],
    script: conversation('go', [callTools(calls), say('Done.')]),
  });
  return await plait.agents.execute(agent, 'go');
}

async function call(tool: Tool): Promise<TurnResult['calls'][number] | undefined> {
  return (await callEach(agentWith([tool]))).calls[0];
}

const hang = (_input: unknown, { signal }: ToolContext) => aborted(signal);

const CAVEAT = 'It may or may not have taken effect; check before calling it again.';
const nobody = () => `nobody-${randomUUID()}`;

describe.concurrent('the model reads which limit ended a call, and after how many attempts', () => {
  test('startToCloseTimeout', async () => {
    const activity = {
      startToCloseTimeout: 300,
      retry: { maximumAttempts: 2, initialInterval: '10ms' },
    };
    const result = await callEach(
      agentWith([reader('look', hang, { activity }), writer('pay', hang, { activity })]),
    );
    const text = 'Timed out: the call did not end within 300 ms (startToCloseTimeout).';
    expect(result.calls).toMatchObject([
      { outcome: 'timedOut', attempts: 2, message: `${text} (after 2 attempts)` },
      { outcome: 'timedOut', attempts: 1, message: `${text} ${CAVEAT}` },
    ]);
  });

  test('heartbeatTimeout', async () => {
    const activity = {
      heartbeatTimeout: '700ms',
      retry: { maximumAttempts: 2, initialInterval: '10ms' },
    };
    const agent = agentWith([
      reader('look', hang, { activity }),
      writer('pay', hang, { activity }),
    ]);
    const result = await callEach(withToolFaults(agent, { look: workerDies(), pay: workerDies() }));
    const text =
      'The worker that ran the call was lost: no heartbeat for 700 ms (heartbeatTimeout).';
    const answer =
      'That happened 3 times, so the call itself may be the cause, and it is not tried again. Call it again only with a different input. (after 3 attempts)';
    expect(result.calls).toMatchObject([
      { outcome: 'timedOut', attempts: 3, message: `${text} ${answer}` },
      { outcome: 'unknown', attempts: 1, message: `${text} ${CAVEAT}` },
    ]);
  });

  test('scheduleToStartTimeout', async () => {
    const activity = { taskQueue: nobody(), scheduleToStartTimeout: '600ms' };
    const result = await callEach(
      agentWith([reader('look', hang, { activity }), writer('pay', hang, { activity })]),
    );
    const text = 'Timed out: no worker took the call within 600 ms (scheduleToStartTimeout)';
    expect(result.calls).toMatchObject([
      { outcome: 'timedOut', attempts: 0, message: `${text}.` },
      { outcome: 'timedOut', attempts: 0, message: `${text}, so it did not run.` },
    ]);
  });

  test('scheduleToCloseTimeout, if the call ran', async () => {
    const activity = { scheduleToCloseTimeout: '2s' };
    const result = await callEach(
      agentWith([reader('look', hang, { activity }), writer('pay', hang, { activity })]),
    );
    const text = 'Timed out: the call did not end within 2 s (scheduleToCloseTimeout).';
    expect(result.calls).toMatchObject([
      { outcome: 'timedOut', attempts: 1, message: text },
      { outcome: 'timedOut', attempts: 1, message: `${text} ${CAVEAT}` },
    ]);
  });

  test('scheduleToCloseTimeout, if no worker took the call', async () => {
    const activity = { taskQueue: nobody(), scheduleToCloseTimeout: '700ms' };
    const result = await callEach(
      agentWith([reader('look', hang, { activity }), writer('pay', hang, { activity })]),
    );
    for (const { outcome, message } of result.calls) {
      expect(outcome).toBe('timedOut');
      expect(message).toContain('within 700 ms (scheduleToCloseTimeout)');
    }
  });

  test('scheduleToCloseTimeout in the second attempt', async () => {
    const begun: number[] = [];
    const look = reader(
      'look',
      async (input, ctx) => {
        begun.push(ctx.attempt);
        if (ctx.attempt === 1) throw new Error('not yet');
        await hang(input, ctx);
      },
      { activity: { scheduleToCloseTimeout: '3s', retry: { initialInterval: '10ms' } } },
    );
    const record = await call(look);
    expect(begun).toEqual([1, 2]);
    expect(record).toMatchObject({ outcome: 'timedOut', attempts: 2 });
    expect(record?.message).toMatch(
      /within 3 s \(scheduleToCloseTimeout\)\..* \(after 2 attempts\)$/,
    );
  });

  test('scheduleToCloseTimeout that leaves no time for another attempt', async () => {
    const look = reader('look', () => Promise.reject(new Error('connection refused')), {
      activity: { scheduleToCloseTimeout: '2s', retry: { initialInterval: '10s' } },
    });
    const record = await call(look);
    expect(record).toMatchObject({ outcome: 'failed', attempts: 1 });
    expect(record?.message).toBe(
      'connection refused (no time for another attempt: scheduleToCloseTimeout)',
    );
  });
});

/** When attempts began, relative to the first. */
async function gaps(extras: Parameters<typeof reader>[2], delay?: string): Promise<number[]> {
  const times: number[] = [];
  const look = reader(
    'look',
    () => {
      times.push(Date.now());
      throw new ToolError('busy', delay === undefined ? {} : { nextRetryDelay: delay });
    },
    extras,
  );
  const record = await call(look);
  expect(record).toMatchObject({ outcome: 'failed', attempts: times.length });
  expect(record?.message).toBe(
    times.length === 1 ? 'busy' : `busy (after ${times.length} attempts)`,
  );
  return times.slice(1).map((time, i) => time - (times[i] ?? 0));
}

describe.concurrent('another attempt comes', () => {
  test('as late as the tool says, whatever its backoff', async () => {
    const retry = { initialInterval: '10ms', maximumInterval: '20ms', maximumAttempts: 3 };
    for (const gap of await gaps({ activity: { retry } }, '800ms')) {
      expect(gap).toBeGreaterThanOrEqual(790);
    }
  });

  test('as late as its backoff says, which grows up to a limit', async () => {
    const retry = {
      initialInterval: '200ms',
      backoffCoefficient: 100,
      maximumInterval: '700ms',
      maximumAttempts: 4,
    };
    const [first = 0, second = 0, third = 0, ...more] = await gaps({ activity: { retry } });
    expect(more).toEqual([]);
    expect(first).toBeGreaterThanOrEqual(190);
    // Without the limit it would be 20 s and more.
    for (const gap of [second, third]) {
      expect(gap).toBeGreaterThanOrEqual(690);
      expect(gap).toBeLessThan(20_000);
    }
  });

  test('as often as the policy says, and never if it says once', async () => {
    expect(await gaps({ activity: { retry: { maximumAttempts: 1 } } })).toEqual([]);
    const five = { maximumAttempts: 5, initialInterval: '10ms', maximumInterval: '20ms' };
    expect(await gaps({ activity: { retry: five } })).toHaveLength(4);
  });

  test('never after an error whose name is listed', async () => {
    const retry = { nonRetryableErrorTypes: ['ToolError'] };
    expect(await gaps({ activity: { retry } })).toEqual([]);
  });
});

async function cancelled(
  run: (input: unknown, ctx: ToolContext) => unknown,
  ended: () => unknown = () => undefined,
) {
  let began = false;
  const pay = writer('pay', (input, ctx) => {
    began = true;
    return run(input, ctx);
  });
  const agent = agentWith([pay]);
  await using plait = await startPlait({
    agents: [agent],
    script: conversation('go', [callTools({ pay: {} })]),
  });
  const turn = await plait.agents.start(agent, 'go');
  await until(
    () => began,
    (yes) => yes,
  );
  const at = Date.now();
  await turn.cancel();
  const result = await turn.result();
  const took = Date.now() - at;
  // A worker that leaves a tool behind says so when it ends.
  await ended();
  return { at, took, record: result.calls[0] };
}

describe.concurrent('a call that is cancelled', () => {
  test('learns of it, and the turn waits until it has stopped', async () => {
    let stopped = 0;
    const { at, took, record } = await cancelled(async (_input, { signal }) => {
      await aborted(signal).catch(() => undefined);
      // It puts back what it had taken.
      await sleep(1_500);
      stopped = Date.now();
      throw new Error('stopped');
    });
    expect(took).toBeGreaterThanOrEqual(stopped - at);
    expect(record).toMatchObject({ outcome: 'cancelled', attempts: 1 });
  });

  test('that finishes its work instead is a success', async () => {
    const { record } = await cancelled(async (_input, { signal }) => {
      await aborted(signal).catch(() => undefined);
      return 'paid nevertheless';
    });
    expect(record).toMatchObject({ outcome: 'succeeded' });
  });

  test('that ignores its signal does not hold up the turn forever', async () => {
    const gate = latch();
    const { took, record } = await cancelled(
      () => gate.opened,
      () => gate.open(),
    );
    expect(took).toBeGreaterThan(4_500);
    expect(record).toMatchObject({ outcome: 'cancelled' });
    expect(record?.message).toContain(CAVEAT);
  });
});

test('every long tool is kept alive, repeatable or not, and its details survive', async () => {
  const details: unknown[] = [];
  const lasting = async (_input: unknown, ctx: ToolContext) => {
    details.push(ctx.heartbeatDetails);
    ctx.heartbeat({ page: ctx.attempt });
    if (ctx.attempt > 1) return 'done';
    await sleep(4_000);
    throw new Error('again');
  };
  const activity = { heartbeatTimeout: '3s', retry: { initialInterval: '10ms' } };
  const result = await callEach(
    agentWith([
      reader('look', lasting, { activity }),
      writer('pay', () => sleep(4_000, 'paid'), { activity }),
    ]),
  );
  expect(result.calls).toMatchObject([
    { outcome: 'succeeded', attempts: 2 },
    { outcome: 'succeeded', attempts: 1 },
  ]);
  // Plait's own beats have not replaced what the tool recorded.
  expect(details).toEqual([undefined, { page: 1 }]);
});
