import { createHash } from 'node:crypto';
import Anthropic from '@anthropic-ai/sdk';
import { AnthropicAws } from '@anthropic-ai/aws-sdk';
import { AnthropicBedrockMantle } from '@anthropic-ai/bedrock-sdk';
import { AnthropicFoundry } from '@anthropic-ai/foundry-sdk';
import { describe, expect, test } from 'vitest';
import type { ModelClient } from '../../activities/model/client.ts';
import { requestParams } from '../../activities/model/request-params.ts';
import { requestReply } from '../../activities/model/request-reply.ts';
import { createSecrets } from '../../activities/model/secrets.ts';
import { compactionParams } from '../../core/conversation/compaction.ts';
import type { Message } from '../../core/conversation/messages.ts';
import { bedrockClient, vertexClient } from '../fixtures/cloud-clients.ts';
import { answerJson, httpServer } from '../fixtures/http-server.ts';

const KEYS = { apiKey: 'a-key-for-tests', awsRegion: 'eu-central-1', workspaceId: 'wrkspc_1' };
const SIGNING = {
  apiKey: null,
  awsRegion: 'eu-central-1',
  awsAccessKey: 'AKIATESTTESTTEST',
  awsSecretAccessKey: 'a-secret-of-amazon',
  workspaceId: 'wrkspc_1',
};

const MESSAGES = '/v1/messages';

/** All clients of the SDK's family, each with the path that it sends to. */
const CLIENTS: [name: string, client: (baseURL: string) => ModelClient, path: string][] = [
  ['Anthropic', (baseURL) => new Anthropic({ apiKey: KEYS.apiKey, baseURL }), MESSAGES],
  ['AnthropicAws', (baseURL) => new AnthropicAws({ ...KEYS, baseURL }), MESSAGES],
  ['AnthropicAws that signs', (baseURL) => new AnthropicAws({ ...SIGNING, baseURL }), MESSAGES],
  [
    'AnthropicFoundry',
    (baseURL) => new AnthropicFoundry({ apiKey: KEYS.apiKey, baseURL }),
    MESSAGES,
  ],
  [
    'AnthropicBedrockMantle',
    (baseURL) => new AnthropicBedrockMantle({ ...KEYS, baseURL }),
    MESSAGES,
  ],
  [
    'AnthropicBedrockMantle that signs',
    (baseURL) => new AnthropicBedrockMantle({ ...SIGNING, baseURL }),
    MESSAGES,
  ],
  [
    'AnthropicBedrock',
    (baseURL) => bedrockClient(baseURL, { apiKey: KEYS.apiKey }),
    '/model/claude%2Fopus/invoke-with-response-stream',
  ],
  [
    'AnthropicBedrock that signs',
    (baseURL) => bedrockClient(baseURL),
    '/model/claude%2Fopus/invoke-with-response-stream',
  ],
  [
    'AnthropicVertex',
    (baseURL) => vertexClient(baseURL),
    '/projects/shop/locations/europe-west1/publishers/anthropic/models/claude%2Fopus:streamRawPredict',
  ],
];

const input = '{"2":{"id":9100200300400500601},"1":[1.0,-0,1e400],"a":1,"a":"$&"}';
const found = '{"rate":1.50}';
/** As a reply of the model comes out of history. */
const messages: Message[] = [
  { role: 'user', content: 'go' },
  {
    role: 'assistant',
    content: [
      { type: 'text', text: 'I look.' },
      {
        type: 'tool_use',
        id: 'toolu_1',
        name: 'look',
        input: JSON.parse(input) as unknown,
        plait_json: { input },
      },
      { type: 'server_tool_use', id: 'srvtoolu_1', name: 'web_search', input: {} },
      {
        type: 'future',
        data: JSON.parse(found) as unknown,
        caller: { type: 'direct' },
        plait_json: { data: found },
      },
    ],
  },
  { role: 'user', content: [{ type: 'tool_result', tool_use_id: 'toolu_1', content: 'seen' }] },
] as unknown as Message[];

/** What a server gets from a client: twice the same request. */
async function sent(client: (baseURL: string) => ModelClient, conversation = messages) {
  await using server = await httpServer((_request, response) => {
    answerJson(response, 400, { message: 'That will do.' });
  });
  const params = requestParams(
    { model: 'claude/opus', max_tokens: 100, ...compactionParams({}) },
    conversation,
  );
  for (let count = 0; count < 2; count += 1) {
    const asked = requestReply(client(server.url), params, {
      signal: new AbortController().signal,
      idleTimeoutMs: 10_000,
      secrets: createSecrets(),
    });
    await asked.catch(() => undefined);
  }
  return server.requests;
}

describe('what JavaScript cannot hold goes out as the model wrote it', () => {
  test.for(CLIENTS)('by %s', async ([, client, path]) => {
    const [first, again] = await sent(client);

    expect(first?.path.split('?')[0]).toBe(path);
    expect(first?.text).toContain(
      `{"type":"tool_use","id":"toolu_1","name":"look","input":${input}},{"type":"server_tool_use"`,
    );
    expect(first?.text).toContain(`{"type":"future","data":${found},"caller":{"type":"direct"}}`);
    expect(first?.text).not.toContain('plait');
    // The cache of the API compares the bytes.
    expect(again?.text).toBe(first?.text);
  });

  test.for(CLIENTS)('by %s, in a request that is otherwise unchanged', async ([, client]) => {
    const plain = messages.map((message) =>
      typeof message.content === 'string'
        ? message
        : ({
            ...message,
            content: message.content.map((block) => ({ ...block, plait_json: undefined })),
          } as unknown as Message),
    );
    const [exact, other] = [(await sent(client))[0], (await sent(client, plain))[0]];

    expect(Object.keys(exact?.headers ?? {}).toSorted()).toEqual(
      Object.keys(other?.headers ?? {}).toSorted(),
    );
    expect(JSON.stringify(exact?.body)).toBe(JSON.stringify(other?.body));
    expect(exact?.path).toBe(other?.path);
  });

  test.for(CLIENTS.filter(([name]) => name.endsWith('signs')))(
    'by %s, with a signature for what is sent',
    async ([, client]) => {
      const [request] = await sent(client);

      expect(request?.headers['x-amz-content-sha256']).toBe(
        createHash('sha256')
          .update(request?.text ?? '')
          .digest('hex'),
      );
      expect(request?.headers.authorization).toContain('x-amz-content-sha256');
    },
  );
});

test('a text that differs from its block is not sent', async () => {
  const forged = [
    { role: 'user', content: 'go' },
    {
      role: 'assistant',
      content: [
        {
          type: 'tool_use',
          id: 'toolu_1',
          name: 'look',
          input: { a: 1 },
          plait_json: { input: '{"a":1},"x":{}', name: '"other"', id: 7 },
        },
      ],
    },
    { role: 'user', content: [{ type: 'tool_result', tool_use_id: 'toolu_1', content: 'seen' }] },
  ] as unknown as Message[];

  const [request] = await sent((baseURL) => new Anthropic({ apiKey: 'test', baseURL }), forged);

  expect(request?.text).toContain(
    '[{"type":"tool_use","id":"toolu_1","name":"look","input":{"a":1}}]',
  );
});
