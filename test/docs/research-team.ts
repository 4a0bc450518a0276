import { agentTool, defineAgent } from 'plait';
import { z } from 'zod';

export const researcher = defineAgent({
  name: 'researcher',
  model: 'claude-haiku-4-5',
  system: 'You research one question on the web, and answer with the facts.',
  serverTools: [{ type: 'web_search_20260318', name: 'web_search' }],
  limits: { rounds: 10 },
  onLimit: 'lastWord', // out of budget, it still says what it has found
});

export const lead = defineAgent({
  name: 'lead',
  model: 'claude-opus-5-5',
  tools: [
    agentTool(researcher, {
      description: 'Researches one question. It knows nothing of this conversation.',
      output: z.object({ answer: z.string(), sources: z.array(z.string()) }),
    }),
  ],
  limits: { outputTokens: 100_000 },
});
