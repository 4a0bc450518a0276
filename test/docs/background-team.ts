import { agentTool, defineAgent } from 'plait';
import { researcher } from './research-team.ts';

export const editor = defineAgent({
  name: 'editor',
  model: 'claude-opus-5-5',
  tools: [
    agentTool(researcher, {
      description:
        'Researches one question while you go on. It knows nothing of this conversation.',
      mode: 'background',
    }),
  ],
  batchTimeout: '2m',
  onTimeout: 'continue', // so do calls that still run after two minutes
  backgroundAtEnd: 'wait', // the default
});
