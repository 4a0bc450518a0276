import Anthropic from '@anthropic-ai/sdk';
import type { MessageCreateParamsNonStreaming } from '@anthropic-ai/sdk/resources/messages';
import { onTestFinished } from 'vitest';
import {
  startMessagesServer,
  type MessagesServer,
  type MessagesServerOptions,
} from '../../testing/messages-server.ts';
import type { Script } from '../../testing/script.ts';

interface Scripted {
  readonly server: MessagesServer;
  readonly client: Anthropic;
}

/** A scripted server, until the test is over, and a real client of it that never retries by itself. */
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

/** The same request after this reply, every call of it answered. */
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

/** What a promise was rejected with. */
export async function rejection(promise: PromiseLike<unknown>): Promise<Error> {
  try {
    await promise;
  } catch (error) {
    if (error instanceof Error) return error;
  }
  throw new Error('It was to be rejected with an error.');
}
