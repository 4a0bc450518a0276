import { conversation, pauseTurn, refuse, reply, say, stopWith } from 'plait/testing';
import { randomUUID } from 'node:crypto';
import { Client, Connection } from '@temporalio/client';
import { createActivities } from 'plait/activities';
import { AgentClient } from 'plait/client';
import { describe, expect, inject, test } from 'vitest';
import { withDefaults } from '../../client/connection-options.ts';
import { png } from '../fixtures/images.ts';
import { bedrock } from '../fixtures/clouds.ts';
import { withEnvironment } from '../fixtures/environment-variables.ts';
import { testGuide } from '../fixtures/guide.ts';
import { startPlait } from '../fixtures/plait.ts';
import { operatorOf } from './desktop.ts';
import { createBedrockWorker, helper } from './bedrock-worker.ts';
import { explainEnding } from './explain-ending.ts';
import { anthropic } from './gateway.ts';
import { researcher } from './researcher.ts';
import { createSteadyWorker, steady } from './steady.ts';

/** A part of a reply: an action of the computer. */
const act = (name: string, input: object) => ({
  content: [{ type: 'tool_use' as const, name, input, toolset_name: 'computer' }],
});

describe('docs/model.md', () => {
  testGuide('docs/model.md', 6);

  test('its programs do what it says', async () => {
    const found = {
      type: 'web_search_tool_result' as const,
      tool_use_id: 'srvtoolu_rain',
      content: [],
      caller: { type: 'direct' as const },
    };
    await using plait = await startPlait({
      agents: [researcher],
      script: (request) =>
        request.userText === 'no'
          ? refuse()
          : request.userText === 'long'
            ? stopWith('max_tokens', say('It is'))
            : conversation('rain', [
                pauseTurn('rain'),
                reply({ content: [found] }, say('It rains.')),
              ])(request),
    });
    const ask = async (text: string) => explainEnding(await plait.agents.execute(researcher, text));

    expect(await ask('rain')).toBe('It rains.');
    expect(plait.model.requests[1]?.body).toMatchObject({
      max_tokens: 16_000,
      output_config: { effort: 'high' },
      cache_control: { type: 'ephemeral', ttl: '1h' },
      tools: [{ type: 'web_search_20260318', name: 'web_search', max_uses: 5 }],
    });
    expect(await ask('no')).toBe('Claude has declined to answer.');
    expect(await ask('long')).toBe('It is … (the answer was cut off)');
    expect(plait.model.requests.at(-1)?.body?.max_tokens).toBe(64_000);
  });

  test('a tool of the computer does what the model asks, in order', async () => {
    const done: string[] = [];
    const operator = operatorOf({
      screenshot: () => Promise.resolve(png()),
      click: async (x, y) => void done.push(`click ${x} ${y}`),
      type: async (text) => void done.push(`type ${text}`),
    });
    await using plait = await startPlait({
      agents: [operator],
      script: conversation('Log in', [
        reply(
          act('left_click', { coordinate: [10, 20] }),
          act('type', { text: 'ada' }),
          act('screenshot', {}),
        ),
        say('You are in.'),
      ]),
    });
    const { calls, messages } = await plait.agents.execute(operator, 'Log in');

    expect(done).toEqual(['click 10 20', 'type ada']);
    expect(calls.map(({ outcome }) => outcome)).toEqual(['succeeded', 'succeeded', 'succeeded']);
    expect(messages[2]?.content).toMatchObject([
      { content: 'Done.' },
      { content: 'Done.' },
      { content: [{ type: 'image' }], toolset_name: 'computer' },
    ]);
  });

  test('an agent with fallbacks asks them on its queue', async () => {
    using _ = withEnvironment({ TEMPORAL_ADDRESS: inject('temporalAddress') });
    const worker = await createSteadyWorker();
    await worker.runUntil(Promise.resolve());

    await using plait = await startPlait({
      agents: [steady],
      script: ({ body }) => (body.model === 'claude-opus-4-8' ? say('Gladly.') : refuse()),
    });
    expect(await plait.agents.execute(steady, 'Hello')).toMatchObject({
      text: 'Gladly.',
      fallback: { model: 'claude-opus-4-8', because: 'refusal' },
    });
    expect(plait.model.requests).toHaveLength(2);
  });

  test('its worker reaches Claude by Bedrock', async () => {
    await using server = await bedrock({ script: conversation('Hello', [say('Hi.')]) });
    using _ = withEnvironment({
      TEMPORAL_ADDRESS: inject('temporalAddress'),
      ANTHROPIC_BEDROCK_BASE_URL: server.url,
      AWS_BEARER_TOKEN_BEDROCK: 'key-of-bedrock',
    });
    const taskQueue = `bedrock-${randomUUID()}`;
    const worker = await createBedrockWorker(taskQueue);
    const connection = await Connection.connect(
      withDefaults({ address: inject('temporalAddress') }),
    );
    const agents = new AgentClient({ client: new Client({ connection }), taskQueue });

    const result = await worker.runUntil(agents.execute(helper, 'Hello'));
    await connection.close();

    expect(result.text).toBe('Hi.');
    expect(server.requests[0]?.headers.authorization).toBe('Bearer key-of-bedrock');
  });

  test('its gateway is one that a worker takes', () => {
    expect(() =>
      createActivities({ agents: [], ...(anthropic === undefined ? {} : { anthropic }) }),
    ).not.toThrow();
    expect(anthropic).toHaveProperty('baseURL', 'https://gateway.example.com');
  });
});
