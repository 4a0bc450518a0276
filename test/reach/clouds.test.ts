import type { ServerResponse } from 'node:http';
import { describe, expect, test } from 'vitest';
import type { ModelClient } from '../../activities/model/client.ts';
import type { AgentOptions } from '../../index.ts';
import { defineAgent } from '../../index.ts';
import { TurnFailedError } from '../../client/index.ts';
import { callTools, say } from '../../testing/replies.ts';
import { conversation } from '../../testing/script.ts';
import { bedrockClient, vertexClient } from '../fixtures/cloud-clients.ts';
import type { CloudOptions } from '../fixtures/clouds.ts';
import { bedrock, vertex } from '../fixtures/clouds.ts';
import { exceptionFrame } from '../fixtures/event-stream.ts';
import type { HttpServer, ReceivedRequest } from '../fixtures/http-server.ts';
import { answerJson } from '../fixtures/http-server.ts';
import { reader } from '../fixtures/tools.ts';
import { workerWith } from '../fixtures/worker-with.ts';

interface Cloud {
  start: (options: CloudOptions) => Promise<HttpServer>;
  client: (url: string) => ModelClient;
  model: string;
  path: string;
  authorization: RegExp;
  betas: (request: ReceivedRequest | undefined) => unknown;
}

const BEDROCK: Cloud = {
  start: bedrock,
  client: (url) => bedrockClient(url),
  model: 'eu.anthropic.claude-opus-5-5',
  path: '/model/eu.anthropic.claude-opus-5-5/invoke-with-response-stream',
  authorization:
    /^AWS4-HMAC-SHA256 Credential=AKIATESTTESTTEST\/\d{8}\/eu-central-1\/bedrock\/aws4_request, /,
  betas: (request) => request?.body['anthropic_beta'],
};

const VERTEX: Cloud = {
  start: vertex,
  client: (url) => vertexClient(url),
  model: 'claude-opus-5-5@20261001',
  path: '/projects/shop/locations/europe-west1/publishers/anthropic/models/claude-opus-5-5@20261001:streamRawPredict',
  authorization: /^Bearer ya29\.token-of-google$/,
  betas: (request) => request?.headers['anthropic-beta']?.toString().split(','),
};

const CLOUDS: [string, Cloud][] = [
  ['Bedrock', BEDROCK],
  ['Vertex', VERTEX],
];

const LOOKUPS = ['get_customer', 'get_orders', 'get_tickets'];

function support(model: string, options: Partial<AgentOptions<unknown>> = {}) {
  return defineAgent({
    name: 'support',
    model,
    system: 'You help.',
    tools: LOOKUPS.map((name) => reader(name, () => `found by ${name}`)),
    ...options,
  });
}

const script = conversation('1235', [
  callTools(Object.fromEntries(LOOKUPS.map((name) => [name, { customer_id: 1235 }]))),
  say('All three.'),
]);

describe.each(CLOUDS)('a turn with three parallel calls by %s', (_name, cloud) => {
  test('goes through, in requests of its shape', async () => {
    await using server = await cloud.start({ script });
    const agent = support(cloud.model);
    await using plait = await workerWith({ agents: [agent], anthropic: cloud.client(server.url) });

    const result = await plait.agents.execute(agent, '1235');

    expect(result).toMatchObject({ stopReason: 'end_turn', text: 'All three.', rounds: 2 });
    expect(result.calls.map(({ name, outcome }) => [name, outcome])).toEqual(
      LOOKUPS.map((name) => [name, 'succeeded']),
    );
    expect(server.requests.map(({ path }) => path)).toEqual([cloud.path, cloud.path]);
    for (const request of server.requests) {
      const { headers, body } = request;
      expect(headers.authorization).toMatch(cloud.authorization);
      expect(headers).not.toHaveProperty('x-api-key');
      expect(body).toMatchObject({ max_tokens: 32_000, anthropic_version: '2026-10-21' });
      expect(body).not.toHaveProperty('model');
      expect(body).not.toHaveProperty('cache_control');
      expect(cloud.betas(request)).toBeUndefined();
    }
  });

  test('has its breakpoints on blocks, including the one that is automatic elsewhere', async () => {
    await using server = await cloud.start({ script });
    const agent = support(cloud.model, { cache: { ttl: '1h' } });
    await using plait = await workerWith({ agents: [agent], anthropic: cloud.client(server.url) });

    await plait.agents.execute(agent, '1235');

    const mark = { type: 'ephemeral', ttl: '1h' };
    const [first, second] = server.requests;
    expect(first?.body).toMatchObject({
      system: [{ type: 'text', cache_control: mark }],
      messages: [{ role: 'user', content: [{ type: 'text', text: '1235', cache_control: mark }] }],
    });
    const messages = second?.body['messages'] as { content: object[] }[] | undefined;
    const marked = messages?.map(({ content }) => content.map((block) => 'cache_control' in block));
    expect(marked).toEqual([[true], [false, false, false], [false, false, true]]);
  });

  test('asks for betas where the cloud looks for them', async () => {
    await using server = await cloud.start({ script });
    const agent = support(cloud.model, { compaction: {} });
    await using plait = await workerWith({ agents: [agent], anthropic: cloud.client(server.url) });

    const result = await plait.agents.execute(agent, '1235');

    expect(result.text).toBe('All three.');
    expect(server.requests).toHaveLength(2);
    expect(cloud.betas(server.requests[0])).toEqual(['compact-2026-01-12']);
  });
});

describe('a failure on Bedrock that may pass is retried, and the turn does not notice:', () => {
  test.for([
    [
      'throttling',
      (response: ServerResponse) =>
        answerJson(
          response,
          429,
          { message: 'Too many requests' },
          errorType('ThrottlingException'),
        ),
    ],
    [
      'a reply that breaks off',
      (response: ServerResponse) => {
        response.writeHead(200, { 'content-type': 'application/vnd.amazon.eventstream' });
        response.end(exceptionFrame('modelStreamErrorException', 'The model broke off.'));
      },
    ],
  ] as const)('%s', async ([, fail]) => {
    await using server = await bedrock({
      script,
      instead: (response, count) => {
        if (count === 1) fail(response);
        return count === 1;
      },
    });
    const agent = support(BEDROCK.model);
    await using plait = await workerWith({
      agents: [agent],
      anthropic: bedrockClient(server.url),
    });

    const result = await plait.agents.execute(agent, '1235');

    expect(result).toMatchObject({ text: 'All three.', rounds: 2 });
    expect(server.requests).toHaveLength(3);
  });
});

test('a model that the account may not use on Bedrock fails the turn with what to do', async () => {
  const message = "You don't have access to the model with the specified model ID.";
  await using server = await bedrock({
    script,
    instead: (response) => {
      answerJson(response, 403, { message }, errorType('AccessDeniedException'));
      return true;
    },
  });
  const agent = support(BEDROCK.model);
  await using plait = await workerWith({ agents: [agent], anthropic: bedrockClient(server.url) });

  const error: unknown = await plait.agents
    .execute(agent, '1235')
    .catch((thrown: unknown) => thrown);

  expect(error).toBeInstanceOf(TurnFailedError);
  expect((error as TurnFailedError).message).toContain(
    `answered 403 AccessDeniedException: ${message} (request amzn-1). Check that the model is enabled for the account in this region`,
  );
  expect((error as TurnFailedError).model).toEqual({
    type: 'AccessDeniedException',
    status: 403,
    errorCode: null,
    requestId: 'amzn-1',
  });
  expect(server.requests).toHaveLength(1);
});

function errorType(type: string): Record<string, string> {
  return {
    'x-amzn-errortype': `${type}:http://internal.amazon.com/`,
    'x-amzn-requestid': 'amzn-1',
  };
}
