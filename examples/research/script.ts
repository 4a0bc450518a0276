import { callTools, conversation, forAgent, say, script } from 'plait/testing';
import { lead, researcher } from './agent.ts';

const TOPICS = ['rail', 'air', 'road'] as const;

export default script(
  forAgent(
    lead,
    conversation(/^How/, [
      callTools(TOPICS.map((topic) => ['researcher', { prompt: `By ${topic}?` }] as const)),
      say('Take the train: it is slower than the plane by some hours, and never closed.'),
    ]),
  ),
  forAgent(
    researcher,
    conversation(/./, [
      ({ userText }) => callTools({ look_up: { topic: /\w+(?=\?)/.exec(userText)?.[0] } }),
      ({ resultOf }) => say(resultOf('look_up') ?? ''),
    ]),
  ),
);
