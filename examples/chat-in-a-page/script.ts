import { callTools, conversation, paced, say } from 'plait/testing';

const pace = { firstByteMs: 250, betweenEventsMs: 100 };
const lookups = [
  ['get_order', { order: 'A-17' }],
  ['get_policy', {}],
] as const;

export default conversation(/./, [
  paced(pace, callTools(lookups, { text: 'I look up the order and the rules for returns.' })),
  paced(
    pace,
    callTools(
      { refund_order: { order: 'A-17', cents: 12_900 } },
      { text: 'The jacket came back in time, so the customer gets the whole price.' },
    ),
  ),
  ({ toolResults }) =>
    paced(
      pace,
      say(
        toolResults.some(({ is_error: isError }) => isError === true)
          ? 'I have not paid anything back. Tell me what to change, and I ask you again.'
          : 'Done: 129.00 EUR are on the way back to the customer, with the receipt R-2031. ' +
              'The shipping of 4.90 EUR stays with the shop, as the rules say. ' +
              'The customer gets a mail about it today.',
      ),
    ),
]);
