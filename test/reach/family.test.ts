import Anthropic from '@anthropic-ai/sdk';
import { AnthropicAws } from '@anthropic-ai/aws-sdk';
import type { AnthropicBedrock } from '@anthropic-ai/bedrock-sdk';
import { AnthropicBedrockMantle } from '@anthropic-ai/bedrock-sdk';
import { AnthropicFoundry } from '@anthropic-ai/foundry-sdk';
import type { AnthropicVertex } from '@anthropic-ai/vertex-sdk';
import { describe, expect, expectTypeOf, test } from 'vitest';
import type { ModelClient } from '../../activities/model/client.ts';
import { requestReply } from '../../activities/model/request-reply.ts';
import { createSecrets } from '../../activities/model/secrets.ts';
import { startMessagesServer } from '../../testing/messages-server.ts';
import { say } from '../../testing/replies.ts';
import { conversation } from '../../testing/script.ts';

const PARAMS = {
  model: 'claude-opus-5-5',
  max_tokens: 100,
  cache_control: { type: 'ephemeral' as const },
  messages: [{ role: 'user' as const, content: 'Hello' }],
};

const KEYS = { apiKey: 'a-key-for-tests', awsRegion: 'eu-central-1', workspaceId: 'wrkspc_1' };

/** Those that speak the Messages API as it is; Bedrock and Vertex have a test of their own. */
const CLIENTS: [string, (baseURL: string) => ModelClient, boolean][] = [
  ['Anthropic', (baseURL) => new Anthropic({ apiKey: KEYS.apiKey, baseURL }), true],
  ['AnthropicAws', (baseURL) => new AnthropicAws({ ...KEYS, baseURL }), true],
  ['AnthropicFoundry', (baseURL) => new AnthropicFoundry({ apiKey: KEYS.apiKey, baseURL }), true],
  ['AnthropicBedrockMantle', (baseURL) => new AnthropicBedrockMantle({ ...KEYS, baseURL }), false],
];

describe('a reply comes through', () => {
  test.for(CLIENTS)('%s', async ([, client, automatic]) => {
    await using server = await startMessagesServer({ script: conversation('Hello', [say('Hi.')]) });

    const reply = await requestReply(client(server.url), PARAMS, {
      signal: new AbortController().signal,
      idleTimeoutMs: 10_000,
      secrets: createSecrets(),
    });

    expect(reply.content).toMatchObject([{ type: 'text', text: 'Hi.' }]);
    const [request] = server.requests;
    expect(request?.path).toBe('/v1/messages');
    expect(JSON.stringify(request?.headers)).toContain(KEYS.apiKey);
    // Mantle is Bedrock's: the breakpoint stands on the block, which everybody takes.
    expect(request?.body?.cache_control).toEqual(automatic ? PARAMS.cache_control : undefined);
    expect(JSON.stringify(request?.body?.messages).includes('cache_control')).toBe(!automatic);
  });
});

test('a worker accepts every client of the family', () => {
  expectTypeOf<Anthropic>().toExtend<ModelClient>();
  expectTypeOf<AnthropicAws>().toExtend<ModelClient>();
  expectTypeOf<AnthropicBedrock>().toExtend<ModelClient>();
  expectTypeOf<AnthropicBedrockMantle>().toExtend<ModelClient>();
  expectTypeOf<AnthropicFoundry>().toExtend<ModelClient>();
  expectTypeOf<AnthropicVertex>().toExtend<ModelClient>();
});
