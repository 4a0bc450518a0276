import { inspect } from 'node:util';
import { describe, expect, test } from 'vitest';
import type { ActivitiesOptions } from '../../activities/index.ts';
import { createActivities } from '../../activities/index.ts';
import { DeclarationError } from '../../index.ts';
import { startMessagesServer } from '../../testing/messages-server.ts';
import { callTools, say } from '../../testing/replies.ts';
import { conversation } from '../../testing/script.ts';
import { withEnvironment } from '../fixtures/environment-variables.ts';
import { agentWith, reader } from '../fixtures/tools.ts';
import { workerWith } from '../fixtures/worker-with.ts';

const agent = agentWith([reader('look', () => 'seen')]);
const script = conversation('go', [callTools({ look: {} }), say('Done.')]);

/** The environment of the person who runs the tests. */
const NOTHING = {
  ANTHROPIC_API_KEY: undefined,
  ANTHROPIC_AUTH_TOKEN: undefined,
  ANTHROPIC_BASE_URL: undefined,
  ANTHROPIC_CUSTOM_HEADERS: undefined,
};

describe('a turn goes through a gateway', () => {
  test('that the worker names, with a token and headers of its own', async () => {
    await using model = await startMessagesServer({ script });
    const anthropic = {
      baseURL: `${model.url}/`,
      authToken: 'token-of-the-gateway',
      defaultHeaders: { 'x-team': 'support' },
    };
    await using plait = await workerWith({ agents: [agent], anthropic });

    expect(await plait.agents.execute(agent, 'go')).toMatchObject({ text: 'Done.' });

    for (const { headers } of model.requests) {
      expect(headers).toMatchObject({
        authorization: 'Bearer token-of-the-gateway',
        'x-team': 'support',
      });
    }
    expect(model.requests).toHaveLength(2);
  });

  test('that the environment names', async () => {
    await using model = await startMessagesServer({ script });
    using _ = withEnvironment({
      ...NOTHING,
      ANTHROPIC_BASE_URL: model.url,
      ANTHROPIC_AUTH_TOKEN: 'token-of-the-environment',
      ANTHROPIC_CUSTOM_HEADERS: 'x-team: support',
    });
    await using plait = await workerWith({ agents: [agent] });

    expect(await plait.agents.execute(agent, 'go')).toMatchObject({ text: 'Done.' });

    expect(model.requests[0]?.headers).toMatchObject({
      authorization: 'Bearer token-of-the-environment',
      'x-team': 'support',
    });
  });
});

function errorOf(anthropic: ActivitiesOptions['anthropic']): unknown {
  try {
    return createActivities({ agents: [], ...(anthropic === undefined ? {} : { anthropic }) });
  } catch (error) {
    return error;
  }
}

describe('a URL with a password is rejected, and not repeated:', () => {
  const url = 'https://somebody:planted-password@gateway.example.com';

  test('in the options', () => {
    const error = errorOf({ baseURL: url });

    expect(error).toBeInstanceOf(DeclarationError);
    expect(error).toMatchObject({
      message: expect.stringMatching(/^anthropic\.baseURL has a user name or a password/) as string,
    });
    expect(inspect(error)).not.toContain('planted-password');
  });

  test('in the environment', () => {
    using _ = withEnvironment({ ANTHROPIC_BASE_URL: url });

    const error = errorOf(undefined);

    expect(error).toMatchObject({
      message: expect.stringMatching(/^ANTHROPIC_BASE_URL has a user name or a password/) as string,
    });
    expect(inspect(error)).not.toContain('planted-password');
  });
});

describe('a key that a function gives', () => {
  test('is asked for before every request, and again when the API rejects it', async () => {
    const keys = ['key-of-monday', 'key-of-tuesday', 'key-of-tuesday'];
    await using model = await startMessagesServer({ script, apiKey: 'key-of-tuesday' });
    const anthropic = {
      baseURL: model.url,
      apiKey: () => Promise.resolve(keys.shift() ?? 'no more'),
    };
    await using plait = await workerWith({ agents: [agent], anthropic });

    expect(await plait.agents.execute(agent, 'go')).toMatchObject({ text: 'Done.', rounds: 2 });

    expect(model.requests.map(({ status }) => status)).toEqual([401, 200, 200]);
    expect(keys).toEqual([]);
  });

  test('fails the turn when the API rejects it twice', async () => {
    await using model = await startMessagesServer({ script, apiKey: 'another-key' });
    const anthropic = { baseURL: model.url, apiKey: () => Promise.resolve('a-revoked-key') };
    await using plait = await workerWith({ agents: [agent], anthropic });

    await expect(plait.agents.execute(agent, 'go')).rejects.toThrow(/401 authentication_error/);

    expect(model.requests.map(({ status }) => status)).toEqual([401, 401]);
  });

  test('is asked for again by the next attempt when the function fails', async () => {
    let asked = 0;
    await using model = await startMessagesServer({ script });
    const anthropic = {
      baseURL: model.url,
      apiKey: () => {
        asked += 1;
        return asked === 1
          ? Promise.reject(new Error('the vault is sealed'))
          : Promise.resolve('a-key-of-the-vault');
      },
    };
    await using plait = await workerWith({ agents: [agent], anthropic });

    expect(await plait.agents.execute(agent, 'go')).toMatchObject({ text: 'Done.' });
    expect(asked).toBe(3);
  });
});

test('a fixed key that the API rejects is not sent again', async () => {
  await using model = await startMessagesServer({ script, apiKey: 'another-key' });
  const anthropic = { baseURL: model.url, apiKey: 'a-revoked-key' };
  await using plait = await workerWith({ agents: [agent], anthropic });

  await expect(plait.agents.execute(agent, 'go')).rejects.toThrow(/Check ANTHROPIC_API_KEY/);

  expect(model.requests).toHaveLength(1);
});
