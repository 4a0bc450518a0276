import { defineAgent, defineTool } from 'plait';
import { z } from 'zod';

const makeReport = defineTool({
  name: 'make_report',
  description: 'Makes the sales report of one month. May take hours.',
  inputSchema: z.object({ month: z.string().describe('For example 2026-05') }),
  async run({ month }, { idempotencyKey, later, signal }) {
    const report = later({ timeout: '2 days' });
    const response = await fetch(`${process.env['REPORTS_URL']}/jobs/${idempotencyKey}`, {
      method: 'PUT',
      body: JSON.stringify({ month, token: report.token }),
      signal,
    });
    if (!response.ok) throw new Error(`The report service answered ${response.status}.`);
    return report; // the attempt ends here, and the call waits to be completed
  },
});

export const analyst = defineAgent({
  name: 'analyst',
  model: 'claude-opus-5-5',
  system: 'You report sales figures, in a few plain sentences.',
  tools: [makeReport],
});
