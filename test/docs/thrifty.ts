import { defineAgent, examplePrices } from 'plait';
import { readNote } from './files.ts';

export const researcher = defineAgent({
  name: 'researcher',
  model: 'claude-opus-5-5',
  tools: [readNote],
  limits: {
    rounds: 20,
    toolCalls: 40,
    outputTokens: 50_000,
    costUSD: 0.5,
    wallTime: '10 minutes',
  },
  onLimit: 'lastWord',
  prices: examplePrices['claude-opus-5-5'], // check your own
});
