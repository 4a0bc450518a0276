import { defineAgent, defineTool } from 'plait';
import { z } from 'zod';

const getOrders = defineTool({
  name: 'get_orders',
  description: 'The orders of one customer.',
  inputSchema: z.object({
    customer_id: z
      .number()
      .int()
      .positive()
      .meta({ examples: [7] }), // what the scripted model sends
  }),
  annotations: { readOnlyHint: true }, // safe to retry
  run: ({ customer_id }) => [{ order: 'A-17', customer_id, total: '$40' }],
});

export const support = defineAgent({
  name: 'support',
  model: 'claude-opus-5-5',
  system: 'You help customers, in a few plain sentences.',
  tools: [getOrders],
});
