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
import { support } from './support.ts';

const ask = 'Refund the last order of customer 7';
const lookups = callTools({ get_customer: { customer_id: 7 }, get_orders: { customer_id: 7 } });
const refund = callTools({ refund: { order: 'A-17' } });
const script = conversation(ask, [
  lookups,
  refund,
  ({ resultOf }) => say(`I tried. ${resultOf('refund')}`),
]);

test('both lookups run at once, and the refund after them', async () => {
  await using env = await startTestEnvironment({ agents: [support], script });

  const result = await env.agents.execute(support, ask);

  expectTurn(result)
    .ended('end_turn')
    .calledTogether('get_customer', 'get_orders')
    .calledInOrder('get_orders', 'refund')
    .outcome(['refund', { order: 'A-17' }], 'succeeded', 'A-17 is refunded')
    .answeredEveryCall();
});

test('a database that is down for a moment and an overloaded model change nothing', async () => {
  const shaky = withToolFaults(support, { get_orders: failTimes(2, 'connection refused') });
  await using env = await startTestEnvironment({
    agents: [shaky],
    script: conversation(ask, [times(1, fault.overloaded(), lookups), refund, say('Done.')]),
  });

  const result = await env.agents.execute(shaky, ask);

  expectTurn(result).attempts('get_orders', 3).outcome('refund', 'succeeded');
});

test('when the worker dies during a refund, the model reads that and nothing is refunded twice', async () => {
  const mortal = withToolFaults(support, { refund: workerDies() });
  await using env = await startTestEnvironment({ agents: [mortal], script });

  const result = await env.agents.execute(mortal, ask);

  expectTurn(result)
    .outcome('refund', 'unknown', /may or may not have taken effect/)
    .attempts('refund', 1);
});
