import { agentTool, defineAgent } from 'plait';
import { z } from 'zod';

/** Knows one customer, from everything it has heard so far. */
export const accountManager = defineAgent<{ tenant: string }>({
  name: 'account-manager',
  model: 'claude-haiku-4-5',
  system: 'You keep what is known of one customer, and answer questions about them.',
});

export const salesDesk = defineAgent<{ tenant: string }>({
  name: 'sales-desk',
  model: 'claude-opus-5-5',
  tools: [
    agentTool(accountManager, {
      description: 'Tells the manager of a customer something, or asks them. They remember it.',
      input: z.object({ customer: z.string(), message: z.string() }),
      // The tenant comes from your program, the customer from the model.
      session: ({ customer }, { context }) => `${context.tenant}/${customer}`,
    }),
  ],
});
