import { randomUUID } from 'node:crypto';
import { fileURLToPath } from 'node:url';
import { Client, Connection } from '@temporalio/client';
import { NativeConnection, Worker } from '@temporalio/worker';
import { expect, inject, test } from 'vitest';
import { createActivities } from '../../activities/index.ts';
import { AgentClient } from '../../client/index.ts';
import { DeclarationError } from '../../index.ts';
import { startMessagesServer } from '../../testing/messages-server.ts';
import { callTools, say } from '../../testing/replies.ts';
import { conversation } from '../../testing/script.ts';
import { createWorker } from '../../worker/index.ts';
import { agentWith, reader } from '../fixtures/tools.ts';

const agent = agentWith([reader('look', () => 'seen')], { early: true });

test('an existing worker runs turns beside its own workflows', async () => {
  await using model = await startMessagesServer({
    script: conversation('go', [callTools({ look: {} }), say('Done.')]),
  });
  const address = inject('temporalAddress');
  const taskQueue = `own-${randomUUID()}`;
  const native = await NativeConnection.connect({ address });
  const worker = await Worker.create({
    connection: native,
    taskQueue,
    workflowsPath: fileURLToPath(new URL('../fixtures/own-workflows.ts', import.meta.url)),
    activities: {
      greet: (name: string) => `Hello, ${name}`,
      ...createActivities({ agents: [agent], anthropic: { baseURL: model.url, apiKey: 'test' } }),
    },
  });
  const connection = await Connection.connect({ address });
  const client = new Client({ connection });

  await worker.runUntil(async () => {
    const greeting: unknown = await client.workflow.execute('greeting', {
      taskQueue,
      workflowId: `own-${randomUUID()}`,
      args: ['Ada'],
    });
    expect(greeting).toBe('Hello, Ada');
    const result = await new AgentClient({ client, taskQueue }).execute(agent, 'go');
    expect(result).toMatchObject({ text: 'Done.', calls: [{ outcome: 'succeeded' }] });
    // Whether the worker has interceptors that an early run would get around, nobody knows.
    expect(result.calls[0]).not.toHaveProperty('startedEarly');
  });
  await native.close();
  await connection.close();
});

test.for([undefined, null, {}, { agents: [null] }])(
  'createWorker needs agents, and %s has none',
  async (options) => {
    await expect(createWorker(options as never)).rejects.toBeInstanceOf(DeclarationError);
  },
);

test('createWorker throws for agents, activities and options that contradict each other', async () => {
  const other = agentWith([]);
  await expect(createWorker({ agents: [agent, other] })).rejects.toThrow(
    'two agents are named tester',
  );
  await expect(
    createWorker({
      agents: [agent],
      activities: { look: () => 1 },
      connection: await NativeConnection.connect({ address: inject('temporalAddress') }),
    }),
  ).rejects.toThrow(DeclarationError);
  await expect(createWorker({ agents: [agent], modelIdleTimeout: '10m' })).rejects.toThrow(
    'modelIdleTimeout',
  );
});
