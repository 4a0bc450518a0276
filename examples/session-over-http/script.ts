import { conversation, say, script } from 'plait/testing';

export default script(
  conversation(/I arrive on/, [say('Welcome, Ada! Your room will be ready.')]),
  conversation('When do I arrive?', [
    // The model knows it from the messages before.
    ({ body }) =>
      say(`You arrive on ${/arrive on (\w+)/.exec(JSON.stringify(body.messages))?.[1]}.`),
  ]),
);
