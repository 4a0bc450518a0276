import Anthropic from '@anthropic-ai/sdk';
import type { MessageCreateParamsNonStreaming } from '@anthropic-ai/sdk/resources/messages';
import { expect, onTestFinished, test } from 'vitest';
import {
  startMessagesServer,
  type MessagesServer,
  type MessagesServerOptions,
} from '../../testing/messages-server.ts';
import { say } from '../../testing/replies.ts';
import type { Script } from '../../testing/script.ts';

interface Scripted {
  readonly server: MessagesServer;
  readonly client: Anthropic;
}

/** A scripted server that runs until the test ends, and a real client for it, without retries. */
export async function start(
  script: Script,
  options: Partial<MessagesServerOptions> = {},
): Promise<Scripted> {
  const server = await startMessagesServer({ script, ...options });
  onTestFinished(() => server.close());
  const client = new Anthropic({ apiKey: 'test', baseURL: server.url, maxRetries: 0 });
  return { server, client };
}

const customerTool = (name: string) => ({
  name,
  description: `Reads ${name}`,
  input_schema: { type: 'object' as const, properties: { customer_id: { type: 'number' } } },
});

/** A request with one user message and three tools. */
export function ask(text: string): MessageCreateParamsNonStreaming {
  return {
    model: 'claude-opus-5-5',
    max_tokens: 1024,
    system: 'You help.',
    tools: ['get_customer', 'get_orders', 'get_tickets'].map(customerTool),
    messages: [{ role: 'user', content: text }],
  };
}

/** The request that follows this reply, with every call answered. */
export function answered(
  request: MessageCreateParamsNonStreaming,
  reply: Anthropic.Message,
  result: (call: Anthropic.ToolUseBlock) => string = ({ name }) => `result of ${name}`,
): MessageCreateParamsNonStreaming {
  const results = reply.content
    .filter((block) => block.type === 'tool_use')
    .map((call) => ({
      type: 'tool_result' as const,
      tool_use_id: call.id,
      content: result(call),
    }));
  return {
    ...request,
    messages: [
      ...request.messages,
      { role: 'assistant', content: reply.content },
      { role: 'user', content: results },
    ],
  };
}

/** The error that a promise rejects with. */
export async function errorOf(promise: PromiseLike<unknown>): Promise<Error> {
  try {
    await promise;
  } catch (error) {
    if (error instanceof Error) return error;
  }
  throw new Error('The promise should have been rejected with an error.');
}

/** A rule, a request that breaks it, and the API's text for that. */
export type Row = readonly [rule: string, body: object, message: string];

export const invalidRequest = (message: string) => ({
  status: 400,
  type: 'invalid_request_error',
  apiMessage: message,
});

/** A test for each rule. */
export function testRules(rules: readonly Row[]): void {
  test.for(rules)('%s', async ([, body, message]) => {
    const { client } = await start(() => say('Not rejected'));
    const request = body as MessageCreateParamsNonStreaming;
    const error = await errorOf(client.messages.create(request, { timeout: 5_000 }));
    expect(error).toMatchObject(invalidRequest(message));
  });
}

/** A test for each request that breaks no rule. */
export function testAccepted(requests: readonly (readonly [why: string, body: object])[]): void {
  test.for(requests)('%s', async ([, body]) => {
    const { client } = await start(() => say('Accepted'));
    const answer = await client.messages.create(body as MessageCreateParamsNonStreaming);
    expect(answer).toMatchObject({ content: [{ text: 'Accepted' }] });
  });
}
