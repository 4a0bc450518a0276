import { setTimeout as sleep } from 'node:timers/promises';
import { defineAgent, defineTool } from 'plait';
import { z } from 'zod';

const order = z.string().describe('The number of the order, such as A-17.');

const getOrder = defineTool({
  name: 'get_order',
  description: 'What was ordered, what it cost, and where it is.',
  inputSchema: z.object({ order }),
  annotations: { readOnlyHint: true },
  async run(_input, { signal }) {
    await sleep(1_500, undefined, { signal });
    return { item: 'Rain jacket, size M', cents: 12_900, state: 'returned' };
  },
});

const getPolicy = defineTool({
  name: 'get_policy',
  description: 'The rules of the shop for returns.',
  inputSchema: z.object({}),
  annotations: { readOnlyHint: true },
  async run(_input, { signal }) {
    await sleep(800, undefined, { signal });
    return 'Within 30 days, in full. Shipping is not paid back.';
  },
});

const refundOrder = defineTool({
  name: 'refund_order',
  description: 'Pays money back to the customer.',
  inputSchema: z.object({ order, cents: z.number().int().positive() }),
  approval: 'always',
  run: ({ cents }) => ({ refunded: cents, receipt: 'R-2031' }),
});

export const shopAssistant = defineAgent({
  name: 'shop_assistant',
  model: 'claude-opus-5-5',
  system:
    'You help the staff of a shop. Say what you look up, then answer in a few plain sentences.',
  tools: [getOrder, getPolicy, refundOrder],
});
