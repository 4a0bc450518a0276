import { defineAgent, defineTool } from 'plait';
import { z } from 'zod';

const lookup = {
  inputSchema: z.object({ customer_id: z.number() }),
  annotations: { readOnlyHint: true },
};

export const support = defineAgent({
  name: 'support',
  model: 'claude-opus-5-5',
  tools: [
    defineTool({ name: 'get_customer', description: 'A customer.', run: () => 'Ada', ...lookup }),
    defineTool({
      name: 'get_orders',
      description: 'Their orders.',
      run: () => ['A-17'],
      ...lookup,
    }),
    defineTool({
      name: 'refund',
      description: 'Pays an order back.',
      inputSchema: z.object({ order: z.string() }),
      activity: { heartbeatTimeout: '1s' },
      run: ({ order }) => `${order} is refunded`,
    }),
  ],
});
