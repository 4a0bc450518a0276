// What the scripted model says at the support desk.

import { callTools, conversation, paced, say, script } from 'plait/testing';
import { customerScript } from '../customer-lookup/script.ts';

const pace = { firstByteMs: 250, betweenEventsMs: 10 };

export const HINTS = ['Give me the full picture on customer 1234.', 'Refund order A-1093.'];

export const supportScript = script(
  customerScript,
  conversation(/refund order ([A-Z]-\d+)/i, [
    ({ userText }) => {
      const [order = ''] = /[A-Z]-\d+/i.exec(userText) ?? [];
      return paced(pace, callTools({ refund_order: { order, cents: 12_900 } }));
    },
    ({ resultOf }) => paced(pace, say(resultOf('refund_order') ?? 'There is nothing to say.')),
  ]),
  () => paced(pace, say(`I am a script and know two things: ${HINTS.join(' ')}`)),
);
