import { defineAgent, defineTool } from 'plait';
import { z } from 'zod';

const refundOrder = defineTool({
  name: 'refund_order',
  description: 'Pays an order back, whole or in part.',
  inputSchema: z.object({
    order: z.string().describe('For example A-17'),
    cents: z.number().int().positive(),
  }),
  approval: ({ cents }) => cents > 5_000, // a person must allow larger refunds
  run: ({ order, cents }) => `${(cents / 100).toFixed(2)} EUR are on their way for ${order}.`,
});

export const cashier = defineAgent({
  name: 'cashier',
  model: 'claude-opus-5-5',
  system: 'You refund orders. Report what was done with each of them, in plain sentences.',
  tools: [refundOrder],
});
