// The agent of the demo: three independent lookups that a model asks for in one reply, and that
// Plait runs at the same time. `plait dev examples/customer-lookup/agent.ts` runs it with a real model.

import { setTimeout as sleep } from 'node:timers/promises';
import { defineAgent, defineTool, ToolError } from 'plait';
import { z } from 'zod';

const customer = z.object({ customer_id: z.number().int().describe('For example 1234') });

const getCustomer = defineTool({
  name: 'get_customer',
  description: 'Name, plan and contact of one customer.',
  inputSchema: customer,
  annotations: { readOnlyHint: true },
  run: async ({ customer_id }, { signal }) => {
    await sleep(400, undefined, { signal });
    return CUSTOMERS.get(customer_id) ?? `There is no customer ${customer_id}.`;
  },
});

const getOrders = defineTool({
  name: 'get_orders',
  description: 'The orders of one customer, the newest first.',
  inputSchema: customer,
  annotations: { readOnlyHint: true },
  activity: { retry: { initialInterval: '200ms' } },
  run: async ({ customer_id }, { signal }) => {
    if (customer_id === 1235) {
      // Thrown three times, since this tool may be repeated; then the model reads it.
      const cause = new Error('connect ECONNREFUSED orders-db:5432');
      throw new ToolError('The orders could not be read', { cause });
    }
    await sleep(500, undefined, { signal });
    return ORDERS.get(customer_id) ?? [];
  },
});

const getTickets = defineTool({
  name: 'get_tickets',
  description: 'The open support tickets of one customer.',
  inputSchema: customer,
  annotations: { readOnlyHint: true },
  run: async ({ customer_id }, { signal }) => {
    await sleep(600, undefined, { signal });
    return TICKETS.get(customer_id) ?? [];
  },
});

export const customerLookup = defineAgent({
  name: 'customer-lookup',
  model: 'claude-opus-5-5',
  system: 'You answer questions about customers, in a few plain sentences.',
  tools: [getCustomer, getOrders, getTickets],
});

const CUSTOMERS = new Map([
  [1234, { name: 'Ada Martin', plan: 'Team', since: '2021-03-01', contact: 'ada@example.com' }],
  [1235, { name: 'Jo Okafor', plan: 'Solo', since: '2024-11-15', contact: 'jo@example.com' }],
]);
const ORDERS = new Map([
  [
    1234,
    [
      { order: 'A-1093', placed: '2026-11-02', status: 'shipped', total: '129.00 EUR' },
      { order: 'A-1041', placed: '2026-09-18', status: 'delivered', total: '48.50 EUR' },
    ],
  ],
]);
const TICKETS = new Map([
  [1234, [{ ticket: 'T-77', opened: '2026-11-20', subject: 'Invoice shows the old address' }]],
  [1235, [{ ticket: 'T-81', opened: '2026-11-21', subject: 'Cannot add a second seat' }]],
]);
