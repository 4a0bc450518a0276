import { randomUUID } from 'node:crypto';
import { Client, Connection, ScheduleOverlapPolicy } from '@temporalio/client';
import { NativeConnection } from '@temporalio/worker';
import { AgentClient } from 'plait/client';
import type { MessagesServer } from 'plait/testing';
import {
  callTools,
  conversation,
  fault,
  say,
  script as scripts,
  startMessagesServer,
} from 'plait/testing';
import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest';
import { withDefaults } from '../../client/connection-options.ts';
import { quietRuntime } from '../../testing/quiet-runtime.ts';
import { withEnvironment } from '../fixtures/environment-variables.ts';
import { testGuides } from '../fixtures/guide.ts';
import { until } from '../fixtures/until.ts';
import { scheduleMorningReport } from './morning-report.ts';
import { outbox } from './ticket-activities.ts';
import { createTicketWorker } from './ticket-worker.ts';
import type { answerTicket } from './ticket-workflows.ts';

testGuides({ 'docs/existing-worker.md': 2, 'docs/schedules.md': 1 });

describe('the worker of a team', () => {
  const script = scripts(
    conversation('Where is my order?', [
      callTools({ get_orders: { customer_id: 7 } }),
      ({ resultOf }) => say(`It is ${resultOf('get_orders')}.`),
    ]),
    conversation(/^Wait/, [fault.overloaded()]),
    conversation('Fail', [
      callTools({ get_customer: { customer_id: 7 } }),
      fault.status(403, 'permission_error', 'Not allowed.'),
    ]),
    conversation('Which tickets are open?', [say('None.')]),
  );
  let model: MessagesServer;
  let client: Client;
  let agents: AgentClient;
  const ends: (() => Promise<unknown>)[] = [];

  beforeAll(async () => {
    const address = inject('temporalAddress');
    model = await startMessagesServer({ script });
    quietRuntime();
    const environment = withEnvironment({
      ANTHROPIC_BASE_URL: model.url,
      ANTHROPIC_API_KEY: 'test',
    });
    const [connection, native] = await Promise.all([
      Connection.connect(withDefaults({ address })),
      NativeConnection.connect({ address }),
    ]);
    client = new Client({ connection });
    agents = new AgentClient({ client });
    const worker = await createTicketWorker({
      connection: native,
      bundlerOptions: { webpackConfigHook: fromSource },
    });
    const running = worker.run();
    ends.push(
      async () => {
        worker.shutdown();
        await running;
      },
      () => native.close(),
      () => connection.close(),
      () => model.close(),
      async () => environment[Symbol.dispose](),
    );
  });
  afterAll(async () => {
    for (const end of ends) await end();
  });

  const open = async (customer: string, question: string) =>
    await client.workflow.start<typeof answerTicket>('answerTicket', {
      taskQueue: 'tickets',
      workflowId: `ticket-${randomUUID()}`,
      args: [customer, question],
    });

  /** A ticket whose turn has asked the model, and gets no answer. */
  const openWaiting = async (customer: string) => {
    const question = `Wait ${randomUUID()}`;
    const ticket = await open(customer, question);
    await until(() =>
      model.requests.some(({ body }) => JSON.stringify(body?.messages).includes(question)),
    );
    return ticket;
  };

  test('runs a turn as a child of its own workflow', async () => {
    const ticket = await open('ada', 'Where is my order?');

    expect(await ticket.result()).toBe('end_turn');
    expect(outbox).toContain('ada: It is ["A-17"].');
    const { memo, typedSearchAttributes } = await client.workflow
      .getHandle(`${ticket.workflowId}.turn`)
      .describe();
    expect(memo).toMatchObject({ agent: 'support', user: 'ada' });
    expect([...typedSearchAttributes.getAll()].map(({ key, value }) => [key.name, value])).toEqual(
      expect.arrayContaining([
        ['PlaitAgent', 'support'],
        ['PlaitUser', 'ada'],
        ['PlaitStopReason', 'end_turn'],
      ]),
    );
  });

  test('reads what a failed turn has done from its failure', async () => {
    const ticket = await open('bob', 'Fail');

    expect(await ticket.result()).toBe('plait.ModelCallFailed after 1 calls');
  });

  test('gets the result of a turn that is cancelled with its parent', async () => {
    const ticket = await openWaiting('cleo');
    await ticket.cancel();

    expect(await ticket.result()).toBe('cancelled');
    expect(outbox).toContain('cleo: A person will answer you.');
  });

  test('leaves a turn whose parent is terminated to end by itself', async () => {
    const ticket = await openWaiting('dan');
    await ticket.terminate();

    const turn = agents.getTurn(`${ticket.workflowId}.turn`);
    expect(await turn.result()).toMatchObject({ stopReason: 'cancelled' });
  });

  test('runs the turns of a schedule, each with an id of its own', async () => {
    const scheduleId = `morning-report-${randomUUID()}`;
    const schedule = await scheduleMorningReport(client, scheduleId);
    try {
      // A Monday and a Tuesday, at 8 in Berlin.
      await schedule.backfill({
        start: new Date('2026-11-23T00:00:00Z'),
        end: new Date('2026-11-25T00:00:00Z'),
        overlap: ScheduleOverlapPolicy.ALLOW_ALL,
      });
      const query = `TemporalScheduledById = '${scheduleId}' AND ExecutionStatus = 'Completed' AND PlaitStopReason = 'end_turn'`;
      await until(
        () => client.workflow.count(query),
        ({ count }) => count === 2,
      );
      for (const day of ['23', '24']) {
        const turn = agents.getTurn(`${scheduleId}-2026-11-${day}T07:00:00Z`);
        expect((await turn.result()).text).toBe('None.');
      }
    } finally {
      await schedule.delete();
    }
  });
});

type Hook = NonNullable<
  NonNullable<Parameters<typeof createTicketWorker>[0]['bundlerOptions']>['webpackConfigHook']
>;

/** The package imports itself by name; here that is its source. */
const fromSource: Hook = (config) => ({
  ...config,
  resolve: { ...config.resolve, conditionNames: ['plait-source', '...'] },
});
