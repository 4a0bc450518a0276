import { agentTool, defineAgent, defineTool } from 'plait';
import { z } from 'zod';

const FACTS: Record<string, string> = {
  rail: 'Oslo to Bergen: 6 h 40 min, 4 trains a day.',
  air: 'Oslo to Bergen: 55 min in the air, some 3 h from door to door.',
  road: 'Oslo to Bergen: 463 km, 7 h, closed on some winter days.',
};

const lookUp = defineTool({
  name: 'look_up',
  description: 'Facts about one way to travel.',
  inputSchema: z.object({ topic: z.enum(['rail', 'air', 'road']) }),
  annotations: { readOnlyHint: true },
  run: ({ topic }) => FACTS[topic],
});

/** Has a conversation of its own for each question, which the lead never reads. */
export const researcher = defineAgent({
  name: 'researcher',
  model: 'claude-haiku-4-5',
  system: 'You research one question, and answer with the facts in a sentence.',
  tools: [lookUp],
  limits: { rounds: 5 },
});

export const lead = defineAgent({
  name: 'lead',
  model: 'claude-opus-5-5',
  system: 'You compare. Have every side researched at the same time, and give one answer.',
  tools: [
    agentTool(researcher, { description: 'Researches one question. Ask for one topic each.' }),
  ],
  limits: { toolCalls: 20, outputTokens: 50_000 }, // the researchers spend of these too
});
