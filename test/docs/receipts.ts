import { readFile } from 'node:fs/promises';
import { defineAgent, defineTool } from 'plait';
import type { AgentClient } from 'plait/client';
import { z } from 'zod';

const showReceipt = defineTool({
  name: 'show_receipt',
  description: 'The scan of a receipt, by its number.',
  inputSchema: z.object({ number: z.int() }),
  annotations: { readOnlyHint: true },
  async run({ number }, { signal }) {
    const scan = await fetch(`${process.env['ARCHIVE_URL']}/receipts/${number}.png`, { signal });
    const data = Buffer.from(await scan.arrayBuffer()).toString('base64');
    return [
      { type: 'text', text: `Receipt ${number}:` },
      { type: 'image', source: { type: 'base64', media_type: 'image/png', data } },
    ];
  },
});

export const bookkeeper = defineAgent({
  name: 'bookkeeper',
  model: 'claude-opus-5-5',
  tools: [showReceipt],
});

/** Compares a bank statement with the receipts of the archive. */
export async function check(agents: AgentClient, statement: string): Promise<string> {
  const data = await readFile(statement, 'base64');
  const { text } = await agents.execute(bookkeeper, [
    { type: 'document', source: { type: 'base64', media_type: 'application/pdf', data } },
    { type: 'text', text: 'Which payments have no receipt?' },
  ]);
  return text;
}
