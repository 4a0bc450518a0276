import { setTimeout as sleep } from 'node:timers/promises';
import { expect, test } from 'vitest';
import type { TurnHandle } from '../../client/index.ts';
import type { Tool, ToolContext } from '../../index.ts';
import type { TestEnvironment } from '../../testing/environment.ts';
import { callTools, say } from '../../testing/replies.ts';
import { conversation } from '../../testing/script.ts';
import { startPlait } from '../fixtures/plait.ts';
import { agentWith, reader, writer } from '../fixtures/tools.ts';
import { until, untilHandedOut } from '../fixtures/until.ts';
import { latch } from '../fixtures/waiting-turns.ts';

/** A tool body that waits, at most a minute, until it is told to stop or to end. */
function waiting() {
  const begun: ToolContext[] = [];
  const { promise: released, resolve: release } = withResolvers();
  const run = async (_input: unknown, ctx: ToolContext) => {
    begun.push(ctx);
    if (begun.length > 1) return `attempt ${ctx.attempt}`;
    const stopped = new Promise<never>((_resolve, reject) => {
      ctx.signal.addEventListener('abort', () => reject(new Error('stopped')), { once: true });
    });
    await Promise.race([released, stopped, sleep(60_000, undefined, { ref: false })]);
    return 'released';
  };
  return { run, begun, release };
}

/** `Promise.withResolvers` of newer Node. */
function withResolvers(): { promise: Promise<void>; resolve: () => void } {
  let settle: (() => void) | undefined;
  const promise = new Promise<void>((resolve) => (settle = resolve));
  return { promise, resolve: () => settle?.() };
}

/** What the buttons of the Temporal UI send. */
function operator(plait: TestEnvironment, turn: TurnHandle, tool: Tool) {
  const { client } = plait.agents;
  const request = {
    namespace: client.options.namespace,
    execution: { workflowId: turn.turnId },
    type: tool.name,
    identity: 'operator',
  };
  const service = client.workflowService;
  return {
    pause: () => service.pauseActivity(request),
    unpause: () => service.unpauseActivity(request),
    reset: () => service.resetActivity(request),
  };
}

async function startCalling(tool: Tool) {
  const agent = agentWith([tool]);
  const plait = await startPlait({
    agents: [agent],
    script: conversation('go', [callTools({ [tool.name]: {} }), say('I go on.')]),
  });
  const turn = await plait.agents.start(agent, 'go');
  return { plait, turn, operator: operator(plait, turn, tool) };
}

test('pausing and unpausing a call that is not repeatable never begins it twice', async () => {
  const { run, begun } = waiting();
  const { plait, turn, operator } = await startCalling(writer('pay', run));
  await using _ = plait;
  await until(() => begun.length === 1);

  await operator.pause();
  await until(() => begun[0]?.signal.aborted === true);
  await operator.unpause().catch(() => undefined);
  const result = await turn.result();

  expect(begun).toHaveLength(1);
  expect(result.calls).toMatchObject([{ name: 'pay', outcome: 'unknown', attempts: 1 }]);
  expect(result.calls[0]?.message).toContain('may or may not have taken effect');
  expect(result.text).toBe('I go on.');
});

test('unpausing before the worker has noticed the pause never begins a call twice', async () => {
  const { run, begun, release } = waiting();
  const { plait, turn, operator } = await startCalling(writer('pay', run));
  await using _ = plait;
  await until(() => begun.length === 1);

  await operator.pause();
  await operator.unpause();
  const unpausedAt = Date.now();
  await until(async () => {
    const { raw } = await turn.workflow.describe();
    const beat = raw.pendingActivities?.[0]?.lastHeartbeatTime?.seconds;
    return begun[0]?.signal.aborted === true || Number(beat) * 1_000 > unpausedAt;
  });
  release();
  const result = await turn.result();

  expect(begun).toHaveLength(1);
  expect(['succeeded', 'unknown']).toContain(result.calls[0]?.outcome);
});

test('resetting a call that is not repeatable never begins it twice', async () => {
  const { run, begun } = waiting();
  const { plait, turn, operator } = await startCalling(writer('pay', run));
  await using _ = plait;
  await until(() => begun.length === 1);

  await operator.reset();
  const result = await turn.result();

  expect(begun).toHaveLength(1);
  expect(result.calls).toMatchObject([{ outcome: 'unknown' }]);
});

test('a repeatable call that was paused goes on with another attempt when it is unpaused', async () => {
  const { run, begun } = waiting();
  const { plait, turn, operator } = await startCalling(reader('look', run));
  await using _ = plait;
  await until(() => begun.length === 1);

  await operator.pause();
  await until(
    async () =>
      (await turn.describe()).pendingCalls[0]?.state === 'paused' &&
      begun[0]?.signal.aborted === true,
  );
  await untilHandedOut(plait.agents.client, plait.taskQueue);
  expect(begun).toHaveLength(1);
  await operator.unpause();
  const result = await turn.result();

  expect(begun).toHaveLength(2);
  expect(result.calls).toMatchObject([{ outcome: 'succeeded', attempts: 2 }]);
});

test('a tool that says it is idempotent is repeated with the same idempotency key', async () => {
  const keys: string[] = [];
  const once = (name: string, annotations: Tool['annotations']) =>
    writer(
      name,
      (_input, ctx) => {
        keys.push(`${name} ${ctx.idempotencyKey}`);
        throw new Error('no');
      },
      { annotations },
    );
  const tools = [
    once('idempotent', { idempotentHint: true }),
    once('careful', { destructiveHint: false }),
  ];
  const agent = agentWith(tools);
  await using plait = await startPlait({
    agents: [agent],
    script: conversation('go', [callTools({ idempotent: {}, careful: {} }), say('Done.')]),
  });

  const result = await plait.agents.execute(agent, 'go');

  const keysOf = (name: string) => keys.filter((key) => key.startsWith(name));
  expect([keysOf('idempotent').length, new Set(keysOf('idempotent')).size]).toEqual([3, 1]);
  expect(keysOf('careful')).toHaveLength(1);
  expect(result.calls).toMatchObject([{ attempts: 3 }, { attempts: 1, message: 'no' }]);
});

test('after a workflow reset to before the reply, the same call has the same idempotency key', async () => {
  const keys: string[] = [];
  const ids: string[] = [];
  const pay = writer('pay', (_input, ctx) => keys.push(ctx.idempotencyKey));
  const agent = agentWith([pay]);
  await using plait = await startPlait({
    agents: [agent],
    script: ({ round }) => {
      if (round > 0) return say('Paid.');
      // A model that is asked again gives its calls new ids.
      ids.push(`toolu_${ids.length}`);
      return callTools([
        ['pay', { cents: 5 }, `${ids.at(-1)}_a`],
        ['pay', { cents: 5 }, `${ids.at(-1)}_b`],
      ]);
    },
  });
  const turn = await plait.agents.start(agent, 'go');
  await turn.result();
  const { client } = plait.agents;
  const { events } = await turn.workflow.fetchHistory();
  const firstTask = events?.find((event) => event.workflowTaskCompletedEventAttributes);

  await client.workflowService.resetWorkflowExecution({
    namespace: client.options.namespace,
    workflowExecution: { workflowId: turn.turnId },
    workflowTaskFinishEventId: firstTask?.eventId ?? null,
    requestId: turn.turnId,
    reason: 'try again',
  });
  const result = await turn.result();

  expect(result.calls.map(({ id }) => id)).toEqual(['toolu_1_a', 'toolu_1_b']);
  expect(keys).toHaveLength(4);
  expect(new Set(keys).size).toBe(2);
});

test('heartbeat details of one attempt reach the next', async () => {
  const resumed: unknown[] = [];
  const heard = [latch(), latch()];
  const job = reader('job', async (_input, ctx) => {
    resumed.push(ctx.heartbeatDetails);
    ctx.heartbeat({ page: ctx.attempt * 10 });
    if (ctx.attempt === 3) return 'all pages';
    await heard[ctx.attempt - 1]?.opened;
    throw new Error('again');
  });
  const { plait, turn } = await startCalling(job);
  await using _ = plait;
  for (const [i, { open }] of heard.entries()) {
    // Details travel with the heartbeat, which may wait for its turn.
    await until(async () => {
      const { raw } = await turn.workflow.describe();
      const [payload] = raw.pendingActivities?.[0]?.heartbeatDetails?.payloads ?? [];
      return Buffer.from(payload?.data ?? []).includes(`"page":${(i + 1) * 10}`);
    });
    open();
  }

  const result = await turn.result();

  expect(result.calls).toMatchObject([{ outcome: 'succeeded', attempts: 3 }]);
  expect(resumed).toEqual([undefined, { page: 10 }, { page: 20 }]);
});

test('Plait heartbeats for a tool that lasts longer than its heartbeat timeout', async () => {
  const long = writer(
    'long',
    async () => {
      await sleep(4_500);
      return 'done';
    },
    { activity: { heartbeatTimeout: '3s' } },
  );
  const { plait, turn } = await startCalling(long);
  await using _ = plait;

  expect((await turn.result()).calls).toMatchObject([{ outcome: 'succeeded', attempts: 1 }]);
});
