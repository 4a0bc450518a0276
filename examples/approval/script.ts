import { callTools, conversation, say } from 'plait/testing';

export default conversation(/^Refund/, [
  callTools([
    ['refund_order', { order: 'A-17', cents: 1_200 }],
    ['refund_order', { order: 'A-18', cents: 12_900 }],
    ['refund_order', { order: 'A-19', cents: 480_000 }],
  ]),
  say(
    'A-17 is refunded in full, and A-18 in part. A-19 is not refunded: the board has to be asked first.',
  ),
]);
