import { defineTool, ToolError } from 'plait';
import { z } from 'zod';

export const pay = defineTool({
  name: 'pay',
  description: 'Pays an invoice from the company account. Returns the number of the payment.',
  inputSchema: z.object({ invoice: z.string(), cents: z.number().int().positive() }),
  // Without readOnlyHint or idempotentHint, Plait runs a call at most once.
  approval: ({ cents }) => cents > 10_000,
  approvalTimeout: '2 days',
  activity: { startToCloseTimeout: '30s' },
  async run({ invoice, cents }, { idempotencyKey, signal }) {
    const response = await fetch(`${process.env['BANK_URL']}/payments`, {
      method: 'POST',
      // A workflow reset runs the call again. The bank recognizes the key and pays once.
      headers: { 'idempotency-key': idempotencyKey, 'content-type': 'application/json' },
      body: JSON.stringify({ invoice, cents }),
      signal,
    });
    if (!response.ok)
      throw new ToolError(`The bank rejected the payment: ${await response.text()}`);
    return await response.json();
  },
});
