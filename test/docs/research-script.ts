import { callTools, conversation, forAgent, say, script } from 'plait/testing';
import { lead, researcher } from './research-team.ts';

export default script(
  forAgent(
    lead,
    conversation(/./, [
      callTools([
        ['researcher', { prompt: 'Who lives there?' }],
        ['researcher', { prompt: 'What grows there?' }],
      ]),
      say('Few, and little.'),
    ]),
  ),
  forAgent(researcher, () => say('{"answer":"Not much.","sources":[]}')),
);
