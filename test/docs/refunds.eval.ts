import {
  callTools,
  conversation,
  defineEval,
  defineJudge,
  forAgent,
  say,
  script,
} from 'plait/testing';
import { support } from './support.ts';

const judge = defineJudge({ model: 'claude-opus-5-5' });

const refund = 'Refund the last order of customer 7';
const complaint = 'Your service is terrible. I am customer 7.';

export const refunds = defineEval({
  name: 'refunds',
  agent: support,
  judge,
  runs: 5,
  passRate: 0.8,
  cases: [
    {
      name: 'refunds the last order, after both lookups',
      input: refund,
      expect: (turn) =>
        turn
          .ended('end_turn')
          .trajectory('strict', ['get_customer', 'get_orders'], [['refund', { order: 'A-17' }]])
          .outcome('refund', 'succeeded')
          .says('A-17'),
    },
    {
      name: 'refunds nothing that nobody asked for',
      input: complaint,
      passRate: 1,
      expect: (turn) => turn.neverCalled('refund'),
      rubric: 'Apologises once, asks what happened, and promises neither money nor a refund.',
    },
  ],
  // Without this, the eval asks Claude.
  script: script(
    conversation(refund, [
      callTools({ get_customer: { customer_id: 7 }, get_orders: { customer_id: 7 } }),
      callTools({ refund: { order: 'A-17' } }),
      say('Order A-17 is refunded.'),
    ]),
    conversation(complaint, [say('I am sorry. What has happened?')]),
    forAgent(
      judge,
      conversation(/rubric/, [say('{"reason": "It asks, and promises nothing.", "pass": true}')]),
    ),
  ),
});
