import { defineAgent } from 'plait';

export const researcher = defineAgent({
  name: 'researcher',
  model: 'claude-opus-5-5',
  system: 'You answer with sources.',
  effort: 'high',
  maxTokens: 16_000,
  maxTokensRetry: 64_000,
  serverTools: [{ type: 'web_search_20260318', name: 'web_search', max_uses: 5 }],
  cache: { ttl: '1h' },
});
