// The agent of `plait chat --demo`: it looks things up as the one of the demo does, and its refunds
// wait for a person.

import { defineAgent, defineTool } from 'plait';
import { z } from 'zod';
import { customerLookup } from '../customer-lookup/agent.ts';

const refundOrder = defineTool({
  name: 'refund_order',
  description: 'Pays an order back, whole or in part.',
  inputSchema: z.object({
    order: z.string().describe('For example A-1093'),
    cents: z.number().int().positive(),
  }),
  approval: 'always',
  run: ({ order, cents }) => `Order ${order}: ${(cents / 100).toFixed(2)} EUR are on their way.`,
});

export const supportDesk = defineAgent({
  name: 'support-desk',
  model: 'claude-opus-5-5',
  system: 'You help at a support desk, in a few plain sentences.',
  tools: [...customerLookup.tools.values(), refundOrder],
});
