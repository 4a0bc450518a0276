import { execFile } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { promisify } from 'node:util';
import { describe, expect, test } from 'vitest';
import type { TurnHandle } from '../../client/index.ts';
import type { Agent, ToolContext } from '../../index.ts';
import type { TestEnvironment } from '../../testing/environment.ts';
import { fault } from '../../testing/faults.ts';
import { callTools, say } from '../../testing/replies.ts';
import { conversation, script } from '../../testing/script.ts';
import { findTemporalBinary } from '../../testing/temporal-binary.ts';
import { until, untilHandedOut } from '../fixtures/until.ts';
import { startPlait } from '../fixtures/plait.ts';
import { aborted } from '../../testing/aborted.ts';
import { agentWith, reader, writer } from '../fixtures/tools.ts';

const CAVEAT = 'It may or may not have taken effect; check before calling it again.';

/** An agent with a call of every kind under way; `lines` says what its tools did. */
async function underWay() {
  const lines: string[] = [];
  const nobody = `nobody-${randomUUID()}`;
  const hang =
    (name: string) =>
    async (_input: unknown, { signal }: ToolContext) => {
      lines.push(`begin ${name}`);
      await aborted(signal).finally(() => lines.push(`abort ${name}`));
    };
  const quick = (name: string) => () => void lines.push(`begin ${name}`);
  const agent = agentWith([
    reader('look', hang('look'), { access: () => ({ reads: { file: 1 } }) }),
    writer('pay', hang('pay'), { concurrency: 1 }),
    writer('write', quick('write'), { access: () => ({ writes: { file: 1 } }) }),
    writer('ask', quick('ask'), { approval: 'always' }),
    writer('elsewhere', quick('elsewhere'), { activity: { taskQueue: nobody } }),
    writer('hand_over', (_input, ctx) => ctx.later()),
  ]);
  const taskQueue = `cancel-${randomUUID()}`;
  const env = await startPlait({
    agents: [agent],
    taskQueue,
    taskQueues: [taskQueue],
    script: script(
      conversation('go on', [say('I go on.')]),
      conversation('go', [
        callTools([
          ['look', {}],
          ['pay', {}],
          ['pay', { second: true }],
          ['write', {}],
          ['ask', {}],
          ['elsewhere', {}],
          ['hand_over', {}],
        ]),
      ]),
    ),
  });
  const turn = await env.agents.start(agent, 'go');
  await until(
    async () => [lines.length, (await turn.describe()).pendingCalls.length],
    ([began, pending]) => began === 2 && pending === 3,
  );
  return { agent, env, turn, lines };
}

async function expectCancelled(
  { agent, env, turn, lines }: Awaited<ReturnType<typeof underWay>>,
  cancel: (turn: TurnHandle, env: TestEnvironment) => Promise<unknown>,
): Promise<void> {
  await using _ = env;
  await cancel(turn, env);
  const result = await turn.result();

  expect(result).toMatchObject({ stopReason: 'cancelled', rounds: 1 });
  const ran = `The call was cancelled while it ran. ${CAVEAT}`;
  const never = 'The call was cancelled.';
  expect(result.calls.map(({ name, outcome, message }) => [name, outcome, message])).toEqual([
    ['look', 'cancelled', never],
    ['pay', 'cancelled', ran],
    ['pay', 'cancelled', never],
    ['write', 'cancelled', never],
    ['ask', 'cancelled', never],
    ['elsewhere', 'cancelled', never],
    ['hand_over', 'cancelled', ran],
  ]);
  expect(lines.toSorted()).toEqual(['abort look', 'abort pay', 'begin look', 'begin pay']);
  expect(await turn.approvals()).toEqual([]);
  const next = await env.agents.execute(agent, [
    ...result.messages,
    { role: 'user', content: 'go on' },
  ]);
  expect(next.text).toBe('I go on.');
}

// They mostly wait.
describe.concurrent('a cancel reaches every kind of call, each is answered, and the turn can be continued:', () => {
  test('through its handle', async () => {
    await expectCancelled(await underWay(), (turn) => turn.cancel());
  });

  test('through a plain Temporal client, and a second time', async () => {
    await expectCancelled(await underWay(), async ({ turnId }, { agents }) => {
      const handle = agents.client.workflow.getHandle(turnId);
      await handle.cancel();
      await handle.cancel();
    });
  });

  test("through Temporal's command line", async () => {
    const { path } = await findTemporalBinary();
    await expectCancelled(await underWay(), ({ turnId }, { temporal }) =>
      promisify(execFile)(path, [
        'workflow',
        'cancel',
        '--workflow-id',
        turnId,
        '--address',
        temporal.address,
        '--namespace',
        temporal.namespace,
      ]),
    );
  });
});

test('a turn that is cancelled during a model request ends without the reply', async () => {
  const agent = agentWith([]);
  await using env = await startPlait({
    agents: [agent],
    script: conversation('go', [fault.stallMidStream()]),
  });
  const turn = await env.agents.start(agent, 'go');
  await until(
    () => env.model.requests.length,
    (requests) => requests === 1,
  );
  await turn.cancel();
  expect(await turn.result()).toMatchObject({ stopReason: 'cancelled', calls: [] });
});

test('running tools notice a terminated turn with their next heartbeat', async () => {
  const { env, turn, lines } = await underWay();
  await using _ = env;
  await turn.workflow.terminate('enough');
  await until(
    () => lines.filter((line) => line.startsWith('abort')).length,
    (aborted) => aborted === 2,
  );
  await expect(turn.result()).rejects.toThrow();
  expect(lines).not.toContain('begin write');
});

/** The workflow tasks of a turn's first run, to which it can be reset. */
async function firstRun({ agents, temporal }: TestEnvironment, turn: TurnHandle) {
  const { events } = await turn.workflow.fetchHistory();
  const runId = events?.[0]?.workflowExecutionStartedEventAttributes?.originalExecutionRunId ?? '';
  const tasks = (events ?? []).filter((event) => event.workflowTaskCompletedEventAttributes);
  const resetTo = (task: (typeof tasks)[number] | undefined) =>
    agents.client.workflowService.resetWorkflowExecution({
      namespace: temporal.namespace,
      workflowExecution: { workflowId: turn.turnId, runId },
      workflowTaskFinishEventId: task?.eventId ?? null,
      requestId: randomUUID(),
      reason: 'again',
    });
  return { tasks, resetTo };
}

/** What a payment provider with idempotency keys does. */
class PaymentService {
  readonly payments = new Map<string, number>();
  requests = 0;

  pay(key: string, cents: number): string {
    this.requests += 1;
    const done = this.payments.has(key) ? 'had been paid' : 'is paid';
    this.payments.set(key, cents);
    return `${cents} ${done}`;
  }
}

async function startPaying(service: PaymentService): Promise<[TestEnvironment, Agent]> {
  const pay = writer('pay', ({ cents }, { idempotencyKey }) =>
    service.pay(idempotencyKey, Number(cents)),
  );
  const agent = agentWith([pay]);
  const env = await startPlait({
    agents: [agent],
    script: conversation('go', [
      // The same twice in one reply is meant twice.
      callTools([
        ['pay', { cents: 5 }],
        ['pay', { cents: 5 }],
        ['pay', { cents: 7 }],
      ]),
      callTools({ pay: { cents: 5 } }),
      say('Paid.'),
    ]),
  });
  return [env, agent];
}

test('a reset runs calls again, and the idempotency key keeps them from paying twice', async () => {
  const service = new PaymentService();
  const [env, agent] = await startPaying(service);
  await using _ = env;
  const turn = await env.agents.start(agent, 'go');
  await turn.result();
  expect([service.requests, service.payments.size]).toEqual([4, 4]);
  const run = await firstRun(env, turn);

  // To before the first reply, and to before the second.
  for (const task of [run.tasks[0], run.tasks[2]]) {
    await run.resetTo(task);
    expect(await turn.result()).toMatchObject({ stopReason: 'end_turn', text: 'Paid.' });
  }

  expect(service.requests).toBeGreaterThan(8);
  expect([...service.payments.values()].toSorted((a, b) => a - b)).toEqual([5, 5, 5, 7]);
});

test('a call that is paused before a worker took it begins once, after it is unpaused', async () => {
  const crm = `crm-${randomUUID()}`;
  const turns = `turns-${randomUUID()}`;
  let begun = 0;
  const pay = writer('pay', () => void (begun += 1), { activity: { taskQueue: crm } });
  const agent = agentWith([pay]);
  const shared = {
    agents: [agent],
    taskQueue: turns,
    script: conversation('go', [callTools({ pay: {} }), say('Done.')]),
  };
  await using env = await startPlait({ ...shared, taskQueues: [turns] });
  const turn = await env.agents.start(agent, 'go');
  await until(
    async () => (await turn.describe()).pendingCalls.length,
    (pending) => pending === 1,
  );
  const { workflowService } = env.agents.client;
  const request = {
    namespace: env.temporal.namespace,
    execution: { workflowId: turn.turnId },
    type: 'pay',
    identity: 'operator',
  };

  await workflowService.pauseActivity(request);
  await using _ = await startPlait({ ...shared, taskQueues: [crm] });
  await untilHandedOut(env.agents.client, crm);
  expect(begun).toBe(0);
  await workflowService.unpauseActivity(request);
  await workflowService.pauseActivity(request).catch(() => undefined);
  await workflowService.unpauseActivity(request).catch(() => undefined);

  expect((await turn.result()).calls).toMatchObject([{ outcome: 'succeeded' }]);
  expect(begun).toBe(1);
});

test('after a reset to before a decision, the same person can make the same decision again', async () => {
  let ran = 0;
  const agent = agentWith([writer('pay', () => void (ran += 1), { approval: 'always' })]);
  await using env = await startPlait({
    agents: [agent],
    script: ({ round }) => (round > 0 ? say('Done.') : callTools([['pay', {}, 'toolu_pay']])),
  });
  const turn = await env.agents.start(agent, 'go');
  const decide = async () => {
    await until(
      () => turn.approvals(),
      ({ length }) => length === 1,
    );
    await turn.approve('toolu_pay', { by: 'ana' });
    return await turn.result();
  };
  await decide();
  const { tasks, resetTo } = await firstRun(env, turn);
  const [first, , waited] = tasks;

  // The server repeats the decision before the call waits, and then knows no answer under its id.
  await resetTo(first);
  expect(await decide()).toMatchObject({ calls: [{ outcome: 'succeeded' }] });
  expect(ran).toBe(2);

  // Where the call waited at that point, the server's repetition counts.
  await resetTo(waited);
  expect(await turn.result()).toMatchObject({
    calls: [{ outcome: 'succeeded', approval: { by: 'ana' } }],
  });
  expect(ran).toBe(3);
});
