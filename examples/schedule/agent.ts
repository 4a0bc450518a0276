import { defineAgent, defineTool } from 'plait';
import { z } from 'zod';

const getTickets = defineTool({
  name: 'get_tickets',
  description: 'The support tickets that are open.',
  inputSchema: z.object({}),
  annotations: { readOnlyHint: true },
  run: () => [
    { ticket: 'T-77', subject: 'Invoice shows the old address' },
    { ticket: 'T-81', subject: 'Cannot add a second seat' },
  ],
});

export const reporter = defineAgent({
  name: 'reporter',
  model: 'claude-opus-5-5',
  system: 'You write the morning report of a support team, in a few plain sentences.',
  tools: [getTickets],
});
