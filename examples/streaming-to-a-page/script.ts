import { callTools, conversation, paced, say } from 'plait/testing';

const pace = { firstByteMs: 250, betweenEventsMs: 100 };
const towns = [
  ['get_weather', { town: 'Oslo' }],
  ['get_weather', { town: 'Lisbon' }],
] as const;

export default conversation(/./, [
  paced(pace, callTools(towns, { text: 'I look up the weather in Oslo and in Lisbon.' })),
  ({ toolResults }) => {
    const [oslo, lisbon] = toolResults.map(({ content }) => content as string);
    return paced(
      pace,
      say(
        `In Oslo there are ${oslo}, so take a coat, a cap and boots. ` +
          `In Lisbon there are ${lisbon}: a shirt and a light jacket will do. ` +
          'For both, pack layers, and keep the coat on top of the suitcase: you will want it first. ' +
          'An umbrella can stay at home, since no rain is expected in either town.',
      ),
    );
  },
]);
