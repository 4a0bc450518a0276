import { defineAgent } from 'plait';

export const researcher = defineAgent({
  name: 'researcher',
  model: 'claude-opus-5-5',
  system: 'You find out what people ask you, step by step.',
  compaction: { triggerTokens: 200_000 }, // or `{}`
});
