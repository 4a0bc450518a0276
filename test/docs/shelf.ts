import { defineTool } from 'plait';
import { z } from 'zod';

const shelves = new Map([['A-17', 'aisle 4']]);

export const findShelf = defineTool({
  name: 'find_shelf',
  description: 'Where an article lies in the warehouse.',
  inputSchema: z.object({ article: z.string() }),
  annotations: { readOnlyHint: true },
  execution: 'local', // takes a few milliseconds
  run: ({ article }) => shelves.get(article) ?? 'It is not in the warehouse.',
});
