import { after, test } from 'node:test';
import { callTools, conversation, expectTurn, say, startTestEnvironment } from 'plait/testing';
import { support } from './agent.ts';

const ask = 'What did customer 7 order?';

// Outside of the test, which has a time limit: this takes seconds, and longer the first time.
const env = await startTestEnvironment({
  agents: [support],
  script: conversation(ask, [
    callTools({ get_orders: { customer_id: 7 } }),
    ({ resultOf }) => say(`They ordered ${resultOf('get_orders')}.`),
  ]),
});
after(() => env.close());

test('the agent looks up the orders before it answers', async () => {
  const result = await env.agents.execute(support, ask);
  expectTurn(result).ended('end_turn').outcome('get_orders', 'succeeded', /A-17/);
});
