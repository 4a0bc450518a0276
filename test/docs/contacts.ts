import { defineTool, ToolError } from 'plait';
import { z } from 'zod';

export const findContacts = defineTool({
  name: 'find_contacts',
  description: 'Finds people in the CRM by a part of their name.',
  inputSchema: z.object({ name: z.string() }),
  annotations: { readOnlyHint: true },
  concurrency: 4, // at once in one turn
  activity: { taskQueue: 'crm' }, // a queue of its own can have a limit for all turns and workers
  async run({ name }, { signal }) {
    const url = `${process.env['CRM_URL']}/contacts?name=${encodeURIComponent(name)}`;
    const response = await fetch(url, { signal });
    if (response.status === 429) {
      const seconds = response.headers.get('retry-after') ?? '5';
      throw new ToolError('The CRM has too many requests.', { nextRetryDelay: `${seconds}s` });
    }
    if (response.status === 404) {
      throw new ToolError(`Nobody is called ${name}.`, { retryable: false });
    }
    if (!response.ok) throw new Error(`The CRM answered ${response.status}.`);
    return await response.json();
  },
});
