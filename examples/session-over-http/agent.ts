import { defineAgent } from 'plait';

export const concierge = defineAgent({
  name: 'concierge',
  model: 'claude-opus-5-5',
  system: 'You are the concierge of a small hotel. Answer in one plain sentence.',
});
