import { defineAgent, defineTool } from 'plait';
import {
  callTools,
  conversation,
  expectTurn,
  failTimes,
  fault,
  say,
  startTestEnvironment,
  times,
  withToolFaults,
  workerDies,
} from 'plait/testing';
import { test } from 'vitest';
import { z } from 'zod';

// In your project these come from your agent's module.
const lookup = {
  inputSchema: z.object({ customer_id: z.number() }),
  annotations: { readOnlyHint: true },
};
const support = defineAgent({
  name: 'support',
  model: 'claude-opus-5-5',
  tools: [
    defineTool({ name: 'get_customer', description: 'A customer.', run: () => 'Ada', ...lookup }),
    defineTool({
      name: 'get_orders',
      description: 'Their orders.',
      run: () => ['A-17'],
      ...lookup,
    }),
    defineTool({
      name: 'refund',
      description: 'Pays an order back.',
      inputSchema: z.object({ order: z.string() }),
      activity: { heartbeatTimeout: '1s' },
      run: ({ order }) => `${order} is refunded`,
    }),
  ],
});

const lookups = callTools({ get_customer: { customer_id: 7 }, get_orders: { customer_id: 7 } });
const refund = callTools({ refund: { order: 'A-17' } });
const script = conversation('Refund the last order of customer 7', [
  lookups,
  refund,
  ({ resultOf }) => say(`I tried. ${resultOf('refund')}`),
]);

test('both lookups run at once, and the refund after them', async () => {
  await using env = await startTestEnvironment({ agents: [support], script });

  const result = await env.agents.execute(support, 'Refund the last order of customer 7');

  expectTurn(result)
    .ended('end_turn')
    .calledTogether('get_customer', 'get_orders')
    .calledInOrder('get_orders', 'refund')
    .outcome(['refund', { order: 'A-17' }], 'succeeded', 'A-17 is refunded')
    .answeredEveryCall();
});

test('a database that is away for a moment and an overloaded model change nothing', async () => {
  const shaky = withToolFaults(support, { get_orders: failTimes(2, 'connection refused') });
  await using env = await startTestEnvironment({
    agents: [shaky],
    script: conversation(/Refund/, [times(1, fault.overloaded(), lookups), refund, say('Done.')]),
  });

  const result = await env.agents.execute(shaky, 'Refund the last order of customer 7');

  expectTurn(result).ended('end_turn').attempts('get_orders', 3).outcome('refund', 'succeeded');
});

test('when the worker dies during a refund, the model hears it and nothing is refunded twice', async () => {
  const mortal = withToolFaults(support, { refund: workerDies() });
  await using env = await startTestEnvironment({ agents: [mortal], script });

  const result = await env.agents.execute(mortal, 'Refund the last order of customer 7');

  expectTurn(result)
    .outcome('refund', 'unknown', /may or may not have taken effect/)
    .attempts('refund', 1);
});
