import Anthropic from '@anthropic-ai/sdk';
import { AnthropicAws } from '@anthropic-ai/aws-sdk';
import { AnthropicBedrockMantle } from '@anthropic-ai/bedrock-sdk';
import { AnthropicFoundry } from '@anthropic-ai/foundry-sdk';
import { describe, expect, test } from 'vitest';
import { WrongAddressError } from '../../activities/model/address.ts';
import type { ModelClient } from '../../activities/model/client.ts';
import { requestReply } from '../../activities/model/request-reply.ts';
import { createSecrets } from '../../activities/model/secrets.ts';
import { TurnFailedError } from '../../client/index.ts';
import { startMessagesServer } from '../../testing/messages-server.ts';
import { say } from '../../testing/replies.ts';
import { conversation } from '../../testing/script.ts';
import { bedrockClient, vertexClient } from '../fixtures/cloud-clients.ts';
import { withEnvironment } from '../fixtures/environment-variables.ts';
import { answerJson, httpServer } from '../fixtures/http-server.ts';
import { agentWith } from '../fixtures/tools.ts';
import { workerWith } from '../fixtures/worker-with.ts';

const KEYS = { apiKey: 'a-key-for-tests', awsRegion: 'eu-central-1', workspaceId: 'wrkspc_1' };

const CLIENTS: [name: string, client: (baseURL: string) => ModelClient][] = [
  ['Anthropic', (baseURL) => new Anthropic({ apiKey: KEYS.apiKey, baseURL })],
  [
    'Anthropic that follows redirects',
    (baseURL) => new Anthropic({ ...KEYS, baseURL, fetchOptions: { redirect: 'follow' } }),
  ],
  ['AnthropicAws', (baseURL) => new AnthropicAws({ ...KEYS, baseURL })],
  ['AnthropicFoundry', (baseURL) => new AnthropicFoundry({ apiKey: KEYS.apiKey, baseURL })],
  ['AnthropicBedrockMantle', (baseURL) => new AnthropicBedrockMantle({ ...KEYS, baseURL })],
  ['AnthropicBedrock', (baseURL) => bedrockClient(baseURL)],
  ['AnthropicVertex', (baseURL) => vertexClient(baseURL)],
];

const ask = (client: ModelClient) =>
  requestReply(
    client,
    { model: 'claude-opus-5-5', max_tokens: 100, messages: [{ role: 'user', content: 'Hello' }] },
    { signal: new AbortController().signal, idleTimeoutMs: 10_000, secrets: createSecrets() },
  );

const failure = async (asked: Promise<unknown>): Promise<Error> =>
  await asked.then(
    () => new Error('It must be rejected.'),
    (error: unknown) => error as Error,
  );

/** A server that redirects every request. */
const redirecting = (status: number, to: (path: string) => string) =>
  httpServer(({ path }, response) => {
    response.writeHead(status, { location: to(path) }).end();
  });

describe('a redirect to another origin is not followed', () => {
  test.for(
    CLIENTS.flatMap(([name, client]) =>
      [307, 308].map((status) => [name, status, client] as const),
    ),
  )('by %s with the status %i', async ([, status, client]) => {
    await using other = await httpServer((_request, response) => answerJson(response, 200, {}));
    await using server = await redirecting(status, (path) => `${other.url}${path}?key=planted`);

    const error = await failure(ask(client(server.url)));

    expect(error).toBeInstanceOf(WrongAddressError);
    expect(error.message).toContain(`redirects to ${other.url}`);
    expect(error.message).toContain(`(${status}), and the conversation is not sent`);
    expect(error.message).not.toContain('planted');
    expect(server.requests).toHaveLength(1);
    expect(other.requests).toHaveLength(0);
  });

  test.for([301, 302, 303])('nor with the status %i', async (status) => {
    await using other = await httpServer((_request, response) => answerJson(response, 200, {}));
    await using server = await redirecting(status, (path) => other.url + path);

    const error = await failure(ask(new Anthropic({ apiKey: 'test', baseURL: server.url })));

    expect(error).toBeInstanceOf(WrongAddressError);
    expect(other.requests).toHaveLength(0);
  });

  test('and fails the turn at once, with what to do', async () => {
    await using other = await httpServer((_request, response) => answerJson(response, 200, {}));
    await using server = await redirecting(307, () => `${other.url}/v1/messages`);
    using _ = withEnvironment({ ANTHROPIC_CUSTOM_HEADERS: 'x-team: support' });
    const agent = agentWith([]);
    await using plait = await workerWith({
      agents: [agent],
      anthropic: { apiKey: 'a-key-for-tests', baseURL: server.url },
    });

    const error = await failure(plait.agents.execute(agent, 'go'));

    expect(error).toBeInstanceOf(TurnFailedError);
    expect(error.message).toContain(
      `redirects to ${other.url}/v1/messages (307), and the conversation is not sent there, since nobody has chosen that address. If you trust it, set \`baseURL\``,
    );
    expect((error as TurnFailedError).model).toMatchObject({ status: 307 });
    expect(server.requests[0]?.headers).toHaveProperty('x-team', 'support');
    expect(server.requests).toHaveLength(1);
    expect(other.requests).toHaveLength(0);
  });
});

describe('a redirect within the origin', () => {
  const script = conversation('Hello', [say('Hi.')]);

  test.for([307, 308])('is followed with the status %i', async (status) => {
    await using model = await startMessagesServer({ script });
    await using server = await httpServer(async ({ path, headers, text }, response) => {
      if (path.startsWith('/v1/')) {
        response.writeHead(status, { location: `/api${path}` }).end();
        return;
      }
      const answer = await fetch(`${model.url}/v1/messages`, {
        method: 'POST',
        headers: { 'anthropic-version': String(headers['anthropic-version']) },
        body: text,
      });
      response.writeHead(200, { 'content-type': 'text/event-stream' }).end(await answer.text());
    });

    const reply = await ask(new Anthropic({ apiKey: 'a-key-for-tests', baseURL: server.url }));

    expect(reply.content).toMatchObject([{ text: 'Hi.' }]);
    expect(server.requests.map(({ path }) => path)).toEqual(['/v1/messages', '/api/v1/messages']);
    expect(server.requests[1]?.headers['authorization']).toContain('a-key-for-tests');
  });

  test('that leads to another origin is not followed', async () => {
    await using other = await httpServer((_request, response) => answerJson(response, 200, {}));
    await using server = await httpServer(({ path }, response) => {
      const location = path === '/v1/messages' ? '/further' : `${other.url}/v1/messages`;
      response.writeHead(308, { location }).end();
    });

    const error = await failure(ask(new Anthropic({ apiKey: 'test', baseURL: server.url })));

    expect(error.message).toContain(`at ${server.url}/further redirects to ${other.url}`);
    expect(other.requests).toHaveLength(0);
  });

  test('that leads back to itself ends', async () => {
    await using server = await redirecting(307, (path) => path);

    const error = await failure(ask(new Anthropic({ apiKey: 'test', baseURL: server.url })));

    expect(error).toBeInstanceOf(WrongAddressError);
    expect(server.requests.length).toBeLessThan(10);
  });

  test.for(['', 'http://'])(
    'that leads nowhere is an error like any other: %j',
    async (location) => {
      await using server = await redirecting(307, () => location);

      const error = await failure(ask(new Anthropic({ apiKey: 'test', baseURL: server.url })));

      expect(error).toBeInstanceOf(Error);
      expect(server.requests.length).toBeLessThan(10);
    },
  );
});

describe('an address that ends in the path that the client adds is named', () => {
  const script = conversation('Hello', [say('Hi.')]);

  test.for([
    ['/v1', '/v1'],
    ['/v1/', '/v1'],
    ['/v1/messages', '/v1/messages'],
    ['/gateway/v1', '/v1'],
  ] as const)('%s', async ([path, end]) => {
    await using server = await startMessagesServer({ script });
    const address = server.url + path;

    const error = await failure(ask(new Anthropic({ apiKey: 'test', baseURL: address })));

    expect(error).toBeInstanceOf(WrongAddressError);
    expect(error.message).toBe(
      `The Messages API answered 404: the request went to ${server.url}${path.replace(/\/$/, '')}/v1/messages, because the address ends in ${end} already. Set \`baseURL\` of the \`anthropic\` client, or ANTHROPIC_BASE_URL, to ${server.url}${path.replace(/\/v1.*/, '')}.`,
    );
  });

  test('even if a page answers with the status 200', async () => {
    await using server = await httpServer((_request, response) => {
      response.writeHead(200, { 'content-type': 'text/html' }).end('<html>');
    });
    const client = new Anthropic({ apiKey: 'test', baseURL: `${server.url}/v1` });

    const error = await failure(ask(client));

    expect(error.message).toContain(`<html>; the request went to ${server.url}/v1/v1/messages`);
  });

  test("but no other address, such as Vertex's, which ends in the same way", async () => {
    await using server = await httpServer((_request, response) => answerJson(response, 404, {}));

    for (const client of [
      vertexClient(`${server.url}/v1`),
      new Anthropic({ apiKey: 'test', baseURL: server.url }),
    ]) {
      const error = await failure(ask(client));
      expect(error).toMatchObject({ status: 404 });
      expect(error).not.toBeInstanceOf(WrongAddressError);
    }
  });
});
