import { callTools, conversation, say } from 'plait/testing';

export default conversation(/^Compare/, [
  callTools([
    ['make_report', { month: '2026-05' }],
    ['make_report', { month: '2027-05' }],
  ]),
  ({ toolResults }) => {
    const results = toolResults.map(({ content }) => `- ${content as string}`);
    return say(['The results that I have read:', ...results].join('\n'));
  },
]);
