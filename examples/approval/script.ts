import { callTools, conversation, say } from 'plait/testing';

export default conversation(/^Refund/, [
  callTools([
    ['refund_order', { order: 'A-17', cents: 1_200 }],
    ['refund_order', { order: 'A-18', cents: 12_900 }],
    ['refund_order', { order: 'A-19', cents: 480_000 }],
  ]),
  ({ toolResults }) => {
    const results = toolResults.map(({ content }) => `- ${content as string}`);
    return say(['The results that I have read:', ...results].join('\n'));
  },
]);
