import { setTimeout as sleep } from 'node:timers/promises';
import { defineAgent, defineTool } from 'plait';
import { z } from 'zod';

const getWeather = defineTool({
  name: 'get_weather',
  description: 'The weather of today in one town.',
  inputSchema: z.object({ town: z.string() }),
  annotations: { readOnlyHint: true },
  async run({ town }, { signal }) {
    await sleep(1_000, undefined, { signal });
    return town === 'Oslo' ? '2 degrees, snow' : '17 degrees, sun';
  },
});

export const traveller = defineAgent({
  name: 'traveller',
  model: 'claude-opus-5-5',
  system: 'You help people to pack. Say what you look up, then answer in a few plain sentences.',
  tools: [getWeather],
});
