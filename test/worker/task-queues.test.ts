import { randomUUID } from 'node:crypto';
import { activityInfo } from '@temporalio/activity';
import type { Client } from '@temporalio/client';
import proto from '@temporalio/proto';
import { NativeConnection } from '@temporalio/worker';
import { describe, expect, inject, test } from 'vitest';
import type { Agent, Tool } from '../../index.ts';
import { DeclarationError } from '../../index.ts';
import { callTools, say } from '../../testing/replies.ts';
import { conversation } from '../../testing/script.ts';
import type { CreateWorkerOptions } from '../../worker/index.ts';
import { createWorker } from '../../worker/index.ts';
import { startPlait } from '../fixtures/plait.ts';
import { inThisThread } from '../fixtures/sandbox.ts';
import { agentWith, reader } from '../fixtures/tools.ts';
import { until } from '../fixtures/until.ts';

const script = conversation('go', [callTools({ look: {} }), say('Done.')]);

/** Names for the queue of the turns and for that of a tool. */
function names() {
  return { turns: `turns-${randomUUID()}`, crm: `crm-${randomUUID()}` };
}

/** An agent whose tool has a task queue. */
function agentOn(taskQueue: string, look: () => unknown = () => 'seen'): Agent {
  return agentWith([reader('look', look, { activity: { taskQueue } })]);
}

const { TASK_QUEUE_TYPE_WORKFLOW, TASK_QUEUE_TYPE_ACTIVITY } =
  proto.temporal.api.enums.v1.TaskQueueType;

/** Waits until this many workers poll a queue for workflows, and this many for activities. */
async function waitForPollers(
  { workflowService, options: { namespace } }: Client,
  name: string,
  expected: readonly [workflows: number, activities: number],
): Promise<void> {
  const count = async (taskQueueType: proto.temporal.api.enums.v1.TaskQueueType) => {
    const request = { namespace, taskQueue: { name }, taskQueueType };
    return (await workflowService.describeTaskQueue(request)).pollers.length;
  };
  await until(
    async () => [await count(TASK_QUEUE_TYPE_WORKFLOW), await count(TASK_QUEUE_TYPE_ACTIVITY)],
    (found) => found.join() === expected.join(),
  );
}

/** A worker that is not running yet. By default it has its own connection. */
async function makeWorker(
  options: Pick<CreateWorkerOptions, 'agents'> & Partial<CreateWorkerOptions>,
) {
  const address = inject('temporalAddress');
  const connection = options.connection ?? (await NativeConnection.connect({ address }));
  const worker = await createWorker({
    namespace: 'default',
    ...inThisThread,
    shutdownGraceTime: 0,
    ...options,
    connection,
  });
  return { worker, connection };
}

test('one worker serves the turns and a tool with its own task queue', async () => {
  const { turns, crm } = names();
  const seen: unknown[] = [];
  const agent = agentOn(crm, () => {
    const { numInFlightActivities } = env.worker.getStatus();
    seen.push(activityInfo().taskQueue, numInFlightActivities);
  });
  await using env = await startPlait({ agents: [agent], taskQueue: turns, script });

  const { calls } = await env.agents.execute(agent, 'go');

  expect(calls).toMatchObject([{ outcome: 'succeeded', attempts: 1 }]);
  // A drain waits for the running calls that the worker reports.
  expect(seen).toEqual([crm, 1]);
});

test('a tool may name the queue of the turns, which is then served once', async () => {
  const { turns } = names();
  const agent = agentOn(turns);
  await using env = await startPlait({ agents: [agent], taskQueue: turns, script });
  expect(await env.agents.execute(agent, 'go')).toMatchObject({ stopReason: 'end_turn' });
});

test('one worker serves only the queue of a tool, and another only that of the turns', async () => {
  const { turns, crm } = names();
  const ran: string[] = [];
  const on = (worker: string) => agentOn(crm, () => void ran.push(worker));
  const shared = { taskQueue: turns, script };
  await using crmOnly = await startPlait({
    ...shared,
    agents: [on('crm')],
    taskQueues: [crm],
    identity: 'crm',
  });
  const { client } = crmOnly.agents;
  await waitForPollers(client, crm, [0, 1]);
  const turn = await crmOnly.agents.start('tester', 'go');
  await waitForPollers(client, turns, [0, 0]);

  await using turnsOnly = await startPlait({
    ...shared,
    agents: [on('turns')],
    taskQueues: [turns],
    identity: 'turns',
  });
  expect(await turn.result()).toMatchObject({ stopReason: 'end_turn' });
  expect(ran).toEqual(['crm']);
  await waitForPollers(turnsOnly.agents.client, turns, [1, 1]);
  await waitForPollers(client, crm, [0, 1]);
});

test('a call waits without failing until a worker serves its queue', async () => {
  const { turns, crm } = names();
  const agent = agentOn(crm);
  const shared = { agents: [agent], taskQueue: turns, script };
  await using env = await startPlait({ ...shared, taskQueues: [turns] });
  const turn = await env.agents.start(agent, 'go');
  for await (const { rounds } of turn.watch()) {
    if (rounds[0]?.calls[0]?.state === 'scheduled') break;
  }

  await using crmOnly = await startPlait({ ...shared, taskQueues: [crm] });
  const { calls } = await crmOnly.agents.getTurn(turn.turnId).result();
  expect(calls).toMatchObject([{ outcome: 'succeeded', attempts: 1 }]);
});

test('calls above the rate limit of a queue wait, across all of its workers', async () => {
  const { turns, crm } = names();
  const agent = agentOn(crm);
  const batch = Array.from({ length: 15 }, () => ['look', {}] as const);
  const shared = {
    agents: [agent],
    taskQueue: turns,
    maxTaskQueueActivitiesPerSecond: 5,
    script: conversation('go', [callTools(batch), say('Done.')]),
  };
  await using env = await startPlait({ ...shared, identity: 'everything' });
  await using crmOnly = await startPlait({ ...shared, taskQueues: [crm], identity: 'crm' });
  await waitForPollers(crmOnly.agents.client, crm, [0, 2]);

  const { calls } = await env.agents.execute(agent, 'go');

  expect(calls.map(({ outcome }) => outcome)).toEqual(batch.map(() => 'succeeded'));
  expect(calls.map(({ attempts }) => attempts)).toEqual(batch.map(() => 1));
  const starts = calls.map(({ start }) => Date.parse(start));
  // 5 at once, and 5 in each of the next two seconds.
  expect(Math.max(...starts) - Math.min(...starts)).toBeGreaterThan(1_500);
});

test('a rate limit applies to the queues of tools, and to the queue of the turns only if there are none', async () => {
  const { turns, crm } = names();
  const limits = new Map<string, number | undefined>();
  const limitsWith = async (agent: Agent) => {
    limits.clear();
    const { worker, connection } = await makeWorker({
      agents: [agent],
      taskQueue: turns,
      maxTaskQueueActivitiesPerSecond: 5,
      plugins: [
        {
          name: 'tells-limits',
          async runWorker(one, next) {
            limits.set(one.options.taskQueue, one.options.maxTaskQueueActivitiesPerSecond);
            await next(one);
          },
        },
      ],
    });
    await worker.runUntil(Promise.resolve());
    await connection.close();
    return Object.fromEntries(limits);
  };
  expect(await limitsWith(agentOn(crm))).toEqual({ [turns]: undefined, [crm]: 5 });
  expect(await limitsWith(agentOn(turns))).toEqual({ [turns]: 5 });
});

test('createWorker throws for queues that its agents do not use', async () => {
  const options = { agents: [agentOn('crm')], taskQueue: 'turns' };
  const unknown = expect(createWorker({ ...options, taskQueues: ['crm', 'mail'] })).rejects;
  await unknown.toThrow(DeclarationError);
  await unknown.toThrow(
    'createWorker: taskQueues: these agents do not use mail; their queues: turns, crm',
  );
  await expect(createWorker({ ...options, taskQueues: [] })).rejects.toThrow(
    'createWorker: taskQueues must not be empty: leave the option out to serve all queues (turns, crm)',
  );
});

test('the shutdown of a worker ends its work on every queue', async () => {
  const { turns, crm } = names();
  const { worker, connection } = await makeWorker({ agents: [agentOn(crm)], taskQueue: turns });
  const running = worker.run();
  await expect(worker.run()).rejects.toThrow('already started');
  expect(worker.getState()).toBe('RUNNING');
  worker.shutdown();
  await running;
  // Temporal does not close a connection that a worker still uses.
  await connection.close();
});

test('a replaced connection is replaced for every queue', async () => {
  const { turns, crm } = names();
  const { worker, connection } = await makeWorker({ agents: [agentOn(crm)], taskQueue: turns });
  await worker.runUntil(async () => {
    worker.connection = await NativeConnection.connect({ address: inject('temporalAddress') });
    await connection.close();
  });
  await worker.connection?.close();
});

test.each(['turns', 'crm'] as const)('a crash on the queue %s ends the others', async (broken) => {
  const queues = names();
  const { worker, connection } = await makeWorker({
    agents: [agentOn(queues.crm)],
    taskQueue: queues.turns,
    plugins: [
      {
        name: 'breaks-down',
        async runWorker(one, next) {
          if (one.options.taskQueue !== queues[broken]) return next(one);
          // The SDK does the same after an error that it cannot recover from.
          const running = next(one);
          one.shutdown();
          await running;
          throw new Error('it broke down');
        },
      },
    ],
  });
  await expect(worker.run()).rejects.toThrow('it broke down');
  await connection.close();
});

test('a worker that cannot serve one of its queues does not hold the others', async () => {
  const { turns, crm } = names();
  const other = `other-${randomUUID()}`;
  const { worker, connection } = await makeWorker({ agents: [agentOn(crm)], taskQueue: turns });
  // Temporal allows one worker of a queue on a connection.
  const second = makeWorker({ agents: [agentOn(crm)], taskQueue: other, connection });
  await expect(second).rejects.toThrow('multiple workers');
  await worker.runUntil(Promise.resolve());
  await connection.close();
});

const on = (modelTaskQueue: string, tools: Tool[] = []) => agentWith(tools, { modelTaskQueue });

describe('the limits of model calls', () => {
  test('apply to the queue of model calls only, where the limits of tools do not', async () => {
    const { turns, crm } = names();
    const models = `models-${randomUUID()}`;
    const tool = reader('look', () => 'seen', { activity: { taskQueue: crm } });
    const found = new Map<string, unknown[]>();
    const { worker, connection } = await makeWorker({
      agents: [on(models, [tool])],
      taskQueue: turns,
      maxTaskQueueActivitiesPerSecond: 5,
      maxConcurrentModelCalls: 2,
      maxModelCallsPerSecond: 7,
      tuner: { tunerOptions: { targetMemoryUsage: 0.8, targetCpuUsage: 0.9 } },
      plugins: [
        {
          name: 'tells-limits',
          configureWorker(one) {
            const { maxTaskQueueActivitiesPerSecond: rate, tuner } = one;
            const places = tuner === undefined ? one.maxConcurrentActivityTaskExecutions : 'tuner';
            found.set(one.taskQueue ?? '', [rate, places]);
            return one;
          },
        },
      ],
    });
    await worker.runUntil(Promise.resolve());
    await connection.close();
    expect(Object.fromEntries(found)).toEqual({
      [turns]: [undefined, 'tuner'],
      [crm]: [5, 'tuner'],
      [models]: [7, 2],
    });
  });

  test.for<[string, Agent[], Partial<CreateWorkerOptions>, string]>([
    [
      'when no agent has such a queue',
      [agentWith([])],
      { maxConcurrentModelCalls: 1, maxModelCallsPerSecond: 1 },
      'maxConcurrentModelCalls, maxModelCallsPerSecond: no agent has a `modelTaskQueue`',
    ],
    [
      'when it is that of the turns',
      [on('turns')],
      { taskQueue: 'turns', maxModelCallsPerSecond: 1 },
      'maxModelCallsPerSecond: no agent has a `modelTaskQueue`',
    ],
    [
      'when the worker serves no such queue',
      [on('models')],
      { taskQueue: 'turns', taskQueues: ['turns'], maxConcurrentModelCalls: 1 },
      'maxConcurrentModelCalls: this worker serves no queue of model calls (models)',
    ],
    [
      'of 0 calls at once',
      [on('models')],
      { maxConcurrentModelCalls: 0 },
      'createWorker: maxConcurrentModelCalls must be a whole number of at least 1; got 0',
    ],
    [
      'of 0 calls per second',
      [on('models')],
      { maxModelCallsPerSecond: 0 },
      'createWorker: maxModelCallsPerSecond must be a number above 0; got 0',
    ],
    [
      'for a queue that a tool has too',
      [on('crm', [reader('look', () => 'seen', { activity: { taskQueue: 'crm' } })])],
      {},
      'modelTaskQueue: a tool has the task queue crm too',
    ],
  ])('are invalid %s', async ([, agents, options, problem]) => {
    const creating = expect(createWorker({ agents, ...options })).rejects;
    await creating.toThrow(DeclarationError);
    await creating.toThrow(problem);
  });
});
