import type { AgentClient } from 'plait/client';
import { defineTool } from 'plait';
import { z } from 'zod';

export const printReport = defineTool({
  name: 'print_report',
  description: 'Has a report printed. Returns when the printer has delivered it.',
  inputSchema: z.object({ report: z.string() }),
  async run({ report }, { idempotencyKey, later, signal }) {
    const delivery = later({ timeout: '3 days' });
    await fetch(`${process.env['PRINTER_URL']}/jobs`, {
      method: 'POST',
      headers: { 'idempotency-key': idempotencyKey, 'content-type': 'application/json' },
      body: JSON.stringify({ report, token: delivery.token }),
      signal,
    });
    return delivery; // the call waits without a worker
  },
});

/** The printer's webhook calls this, in any process, hours later. */
export async function delivered(agents: AgentClient, token: string, pages: number): Promise<void> {
  await agents.completeToolCall(token, { pages });
  // or: await agents.failToolCall(token, 'The printer has no paper.');
}
