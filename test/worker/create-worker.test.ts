import { NativeConnection } from '@temporalio/worker';
import { expect, inject, test } from 'vitest';
import { DeclarationError } from '../../index.ts';
import { createWorker } from '../../worker/index.ts';
import { agentWith, reader } from '../fixtures/tools.ts';

const agent = agentWith([reader('look', () => 'seen')]);

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
