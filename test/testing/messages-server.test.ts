import {
  Anthropic,
  APIConnectionError,
  AuthenticationError,
  NotFoundError,
} from '@anthropic-ai/sdk';
import { describe, expect, test } from 'vitest';
import { fault } from '../../testing/faults.ts';
import { callTools, paced, reply, say, think, thinkRedacted } from '../../testing/replies.ts';
import { startMessagesServer } from '../../testing/messages-server.ts';
import { conversation, script } from '../../testing/script.ts';
import { answered, ask, errorOf, start } from './messages-server-fixture.ts';

const QUESTION = 'How is customer 1234?';
const customers = script(
  conversation(QUESTION, [
    reply(
      think('Three lookups are independent of each other, so I make them at once.'),
      say('Let me look at the customer, the orders and the tickets. 🙂'),
      callTools({
        get_customer: { customer_id: 1234 },
        get_orders: { customer_id: 1234, status: 'open', note: 'quote " and \\ and 🙂' },
        get_tickets: {},
      }),
    ),
    (request) => say(`The orders say: ${request.resultOf('get_orders')}.`),
  ]),
  conversation('What do you hide?', [reply(thinkRedacted(), say('Nothing.'))]),
);

const block = (...deltas: string[]) => ['content_block_start', ...deltas, 'content_block_stop'];

describe('a reply', () => {
  test('is the same without streaming and through the stream helper', async () => {
    const { client } = await start(customers);
    const plain = await client.messages.create(ask(QUESTION));
    const helped = await client.messages.stream(ask(QUESTION)).finalMessage();
    expect(JSON.parse(JSON.stringify(helped.content))).toEqual(plain.content);
    expect(helped).toMatchObject({ id: plain.id, stop_reason: 'tool_use', usage: plain.usage });
    expect(plain.content.map(({ type }) => type)).toEqual([
      'thinking',
      'text',
      'tool_use',
      'tool_use',
      'tool_use',
    ]);
  });

  test('comes as the events of the API, in their order', async () => {
    const { client } = await start(customers);
    const types: string[] = [];
    for await (const event of await client.messages.create({ ...ask(QUESTION), stream: true })) {
      types.push(event.type === 'content_block_delta' ? event.delta.type : event.type);
    }
    const runs = types.filter((type, index) => type !== types[index - 1]);
    expect(runs).toEqual([
      'message_start',
      ...block('thinking_delta', 'signature_delta'),
      ...block('text_delta'),
      ...block('input_json_delta'),
      ...block('input_json_delta'),
      ...block('input_json_delta'),
      'message_delta',
      'message_stop',
    ]);
    expect(types.filter((type) => type === 'input_json_delta').length).toBeGreaterThan(6);
  });

  test('is byte for byte the same when the request is retried', async () => {
    const { client } = await start(customers);
    const [first, second] = [
      await client.messages.create(ask(QUESTION)),
      await client.messages.create(ask(QUESTION)),
    ];
    expect(JSON.stringify(second)).toBe(JSON.stringify(first));
    const { client: other } = await start(customers);
    const elsewhere = await other.messages.create(ask(QUESTION));
    expect(JSON.stringify(elsewhere.content)).toBe(JSON.stringify(first.content));
  });

  test('is followed by the next reply when every call of it is answered', async () => {
    const { client } = await start(customers);
    const first = await client.messages.stream(ask(QUESTION)).finalMessage();
    const last = await client.messages.create(answered(ask(QUESTION), first, () => 'all shipped'));
    expect(last.content).toEqual([
      { type: 'text', text: 'The orders say: all shipped.', citations: null },
    ]);
    expect(last.stop_reason).toBe('end_turn');
    expect(last.id).not.toBe(first.id);
  });

  test('has the whole usage, and reads from the cache what an earlier request wrote', async () => {
    const { client } = await start(customers);
    const request = { ...ask(QUESTION), cache_control: { type: 'ephemeral' as const } };
    const first = await client.messages.create(request);
    const second = await client.messages.create(answered(request, first));
    const written = first.usage.cache_creation_input_tokens;
    expect(written).toBeGreaterThan(0);
    expect(first.usage).toMatchObject({
      cache_read_input_tokens: 0,
      cache_creation: { ephemeral_5m_input_tokens: written, ephemeral_1h_input_tokens: 0 },
      server_tool_use: null,
      service_tier: 'standard',
    });
    expect(first.usage.output_tokens_details?.thinking_tokens).toBeGreaterThan(0);
    expect(second.usage.cache_read_input_tokens).toBe(written);
    expect(second.usage.input_tokens).toBe(0);
  });

  test('has no content when max_tokens is 0, which only fills the prompt cache', async () => {
    const { client } = await start(customers);
    const warmed = await client.messages.create({ ...ask(QUESTION), max_tokens: 0 });
    expect(warmed).toMatchObject({ content: [], stop_reason: 'max_tokens' });
  });

  test('comes at its set pace', async () => {
    const { client } = await start(
      conversation('Slowly', [paced({ firstByteMs: 60 }, say('Yes'))]),
    );
    const began = performance.now();
    await client.messages.create(ask('Slowly'));
    expect(performance.now() - began).toBeGreaterThan(50);
  });
});

describe('the other paths', () => {
  test('count tokens', async () => {
    const { client } = await start(customers);
    const { model, messages, tools } = ask(QUESTION);
    const counted = await client.messages.countTokens({ model, messages, tools: tools ?? [] });
    expect(counted.input_tokens).toBeGreaterThan(10);
  });

  test('list models and describe one', async () => {
    const { client } = await start(customers);
    const ids: string[] = [];
    for await (const { id } of client.models.list()) ids.push(id);
    expect(ids).toContain('claude-opus-5-5');
    const model = await client.models.retrieve('claude-opus-5-5');
    expect(model).toMatchObject({ display_name: 'Claude Opus 5.5', max_tokens: 128_000 });
    const unknown = await errorOf(client.models.retrieve('gpt-1'));
    expect(unknown).toBeInstanceOf(NotFoundError);
  });

  test('are not found when the API does not have them', async () => {
    const { server } = await start(customers);
    const response = await fetch(`${server.url}/v1/nothing`);
    expect(response.status).toBe(404);
    expect(response.headers.get('request-id')).toBe('req_000001');
    expect(await response.json()).toEqual({
      type: 'error',
      error: { type: 'not_found_error', message: 'Not Found' },
      request_id: 'req_000001',
    });
  });
});

describe('before the body is checked', () => {
  test('another key than the right one is rejected', async () => {
    const { server, client } = await start(customers, { apiKey: 'right' });
    const wrong = await errorOf(client.messages.create(ask(QUESTION)));
    expect(wrong).toBeInstanceOf(AuthenticationError);
    expect(wrong).toMatchObject({ type: 'authentication_error', requestID: 'req_000001' });
    const right = new Anthropic({ apiKey: 'right', baseURL: server.url, maxRetries: 0 });
    await expect(right.messages.create(ask(QUESTION))).resolves.toBeDefined();
  });

  test('a body that is not JSON, or a request without a version, is rejected', async () => {
    const { server } = await start(customers);
    const post = async (body: string, headers: Record<string, string>) => {
      const url = `${server.url}/v1/messages`;
      return (await fetch(url, { method: 'POST', body, headers })).text();
    };
    expect(await post('{"model":', { 'anthropic-version': '2026-10-21' })).toContain(
      'The request body is not valid JSON',
    );
    expect(await post('{}', {})).toContain('anthropic-version: header is required');
    expect(server.requests.map(({ status, body }) => [status, body])).toEqual([
      [400, undefined],
      [400, {}],
    ]);
  });

  test('a body of more than 32 MB is rejected', async () => {
    const { client } = await start(customers);
    const error = await errorOf(client.messages.create(ask('x'.repeat(33 * 1024 * 1024))));
    expect(error).toMatchObject({ status: 413, type: 'request_too_large' });
  });
});

describe('the record of requests', () => {
  test('says what came and what was answered', async () => {
    const { server, client } = await start(customers);
    await client.messages.create(ask(QUESTION));
    expect(server.requests).toMatchObject([
      { path: '/v1/messages', status: 200, body: ask(QUESTION), error: undefined },
    ]);
    expect(server.requests[0]?.headers['anthropic-version']).toBe('2026-10-21');
  });

  test('says that the client closed the connection early', async () => {
    const { server, client } = await start(conversation('Wait', [fault.stallMidStream()]));
    const abort = new AbortController();
    const stream = client.messages.stream(ask('Wait'), { signal: abort.signal });
    stream.once('streamEvent', () => abort.abort());
    await errorOf(stream.finalMessage());
    await expect.poll(() => server.requests[0]?.closedEarly).toBe(true);
  });
});

test('closing the server ends stalled responses', async () => {
  const { server, client } = await start(conversation('Wait', [fault.stallBeforeHeaders()]));
  const waiting = errorOf(client.messages.create(ask('Wait')));
  await expect.poll(() => server.requests.length).toBe(1);
  await server.close();
  expect(await waiting).toBeInstanceOf(APIConnectionError);
  expect(server.requests[0]).toMatchObject({ closedEarly: false });
  await server.close();
});

test('requests are not kept without keepRequests', async () => {
  await using server = await startMessagesServer({
    script: conversation('Hello', [say('Hi.')]),
    keepRequests: false,
  });
  const client = new Anthropic({ baseURL: server.url, apiKey: 'test', maxRetries: 0 });
  const answer = await client.messages.create(ask('Hello'));

  expect(answer.content).toMatchObject([{ text: 'Hi.' }]);
  expect(server.requests).toEqual([]);
});
