import { defineAgent, defineTool } from 'plait';
import { z } from 'zod';
import { lookUp, TOOL_NAMES } from './work.ts';

const inputSchema = z.object({ ms: z.number(), bytes: z.number(), key: z.string() });

/** The agent. The other contenders send the model the same request, made from its `spec`. */
export const agent = defineAgent({
  name: 'bench',
  model: 'claude-opus-5-5',
  system: 'You answer questions about customers, in a few plain sentences.',
  tools: TOOL_NAMES.map((name) =>
    defineTool({
      name,
      description: 'Looks something up.',
      inputSchema,
      annotations: { readOnlyHint: true },
      run: (input) => lookUp(input),
    }),
  ),
  limits: { rounds: 1_001 },
});
