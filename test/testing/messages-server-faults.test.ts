import {
  APIConnectionTimeoutError,
  APIError,
  AnthropicError,
  InternalServerError,
  RateLimitError,
} from '@anthropic-ai/sdk';
import { describe, expect, test } from 'vitest';
import { fault, times } from '../../testing/faults.ts';
import {
  callTools,
  pauseTurn,
  refuse,
  reply,
  say,
  sayNothing,
  stopWith,
  think,
} from '../../testing/replies.ts';
import { conversation, type Script } from '../../testing/script.ts';
import type { Reply } from '../../testing/messages/reply.ts';
import { answered, ask, errorOf, start } from './messages-server-fixture.ts';

const QUESTION = 'Go on';
const always = (answer: Reply): Script => conversation(QUESTION, [answer]);

describe('an error status', () => {
  const rows: readonly (readonly [string, Reply, object])[] = [
    [
      'rate limited',
      fault.rateLimited({ retryAfter: 7 }),
      { status: 429, type: 'rate_limit_error' },
    ],
    [
      'overloaded',
      fault.overloaded(),
      { status: 529, type: 'overloaded_error', apiMessage: 'Overloaded' },
    ],
    ['server error', fault.serverError(), { status: 500, type: 'api_error' }],
    [
      'bad request',
      fault.badRequest('prompt is too long: 1 tokens > 0 maximum'),
      { status: 400, apiMessage: 'prompt is too long: 1 tokens > 0 maximum' },
    ],
    [
      'any other',
      fault.status(402, 'billing_error', 'No credit'),
      { status: 402, type: 'billing_error' },
    ],
    [
      'with an error code',
      fault.rateLimited({ errorCode: 'enforced_spend_limit_reached' }),
      { status: 429, errorCode: 'enforced_spend_limit_reached' },
    ],
  ];

  test.for(rows)('%s', async ([, answer, expected]) => {
    const { client } = await start(always(answer));
    for (const attempt of [
      client.messages.create(ask(QUESTION)),
      client.messages.stream(ask(QUESTION)).finalMessage(),
    ]) {
      const error = await errorOf(attempt);
      expect(error).toMatchObject(expected);
    }
  });

  test('has the headers of the script', async () => {
    const { client } = await start(
      always(fault.rateLimited({ retryAfter: 7, headers: { 'x-should-retry': 'false' } })),
    );
    const error = await errorOf(client.messages.create(ask(QUESTION)));
    expect(error).toBeInstanceOf(RateLimitError);
    const headers = 'headers' in error && error.headers instanceof Headers ? error.headers : null;
    expect(headers?.get('retry-after')).toBe('7');
    expect(headers?.get('x-should-retry')).toBe('false');
  });
});

describe('a fault with times()', () => {
  test('affects only the first arrivals of the very same request', async () => {
    const { server, client } = await start(
      conversation(QUESTION, [
        times(2, fault.overloaded(), callTools({ get_customer: {} })),
        times(1, fault.serverError(), say('Done.')),
      ]),
    );
    const retrying = client.withOptions({ maxRetries: 5 });
    const first = await retrying.messages.create(ask(QUESTION));
    await retrying.messages.create(answered(ask(QUESTION), first));
    expect(server.requests.map(({ status }) => status)).toEqual([529, 529, 200, 500, 200]);
  });

  test('interrupts the reply that comes whole later', async () => {
    const { client } = await start(
      always(times(1, fault.reset({ afterEvents: 4 }), say('All of this is one short reply.'))),
    );
    const seen: string[] = [];
    const broken = client.messages.stream(ask(QUESTION)).on('text', (text) => seen.push(text));
    await errorOf(broken.finalMessage());
    expect(seen).toEqual(['All of this is o']);
    const whole = await client.messages.stream(ask(QUESTION)).finalText();
    expect(whole).toBe('All of this is one short reply.');
  });
});

describe('in the middle of a stream', () => {
  test('the reply comes after silence before the headers', async () => {
    const { client } = await start(always(fault.stallBeforeHeaders(50, say('At last.'))));
    const began = performance.now();
    await expect(client.messages.stream(ask(QUESTION)).finalText()).resolves.toBe('At last.');
    expect(performance.now() - began).toBeGreaterThan(40);
  });

  test('the client gives up during silence before the headers', async () => {
    const { server, client } = await start(always(fault.stallBeforeHeaders()));
    const error = await errorOf(client.messages.create(ask(QUESTION), { timeout: 60 }));
    expect(error).toBeInstanceOf(APIConnectionTimeoutError);
    await expect
      .poll(() => server.requests[0])
      .toMatchObject({
        closedEarly: true,
        status: undefined,
      });
  });

  test('the client does not notice silence', async () => {
    const { client } = await start(
      always(fault.stallMidStream(1_500, { reply: say('Here I am.') })),
    );
    const timed = client.messages.stream(ask(QUESTION), { timeout: 1_000 });
    await expect(timed.finalText()).resolves.toBe('Here I am.');
  });

  test('an error event is an error without a status', async () => {
    const { client } = await start(always(fault.midStreamError('api_error', { message: 'Boom' })));
    const error = await errorOf(client.messages.stream(ask(QUESTION)).finalMessage());
    expect(error).toBeInstanceOf(APIError);
    expect(error).not.toBeInstanceOf(InternalServerError);
    expect(error).toMatchObject({ status: undefined, type: 'api_error' });
  });

  test('the client ignores an event of an unknown type', async () => {
    const { client } = await start(always(fault.unknownEvent({ reply: say('Here I am.') })));
    await expect(client.messages.stream(ask(QUESTION)).finalText()).resolves.toBe('Here I am.');
  });

  test('a clean end before message_stop is an error for the stream helper', async () => {
    const { client } = await start(always(fault.earlyEnd()));
    const error = await errorOf(client.messages.stream(ask(QUESTION)).finalMessage());
    expect(error.message).toContain('stream ended without producing a Message');
  });

  test('a clean end after message_delta is an error too', async () => {
    const lastButOne = { reply: say('Yes.'), afterEvents: 6 };
    const { client } = await start(always(fault.earlyEnd(lastButOne)));
    const types: string[] = [];
    const events = await client.messages.create({ ...ask(QUESTION), stream: true });
    for await (const { type } of events) types.push(type);
    expect(types.at(-1)).toBe('message_delta');
    await errorOf(client.messages.stream(ask(QUESTION)).finalMessage());
  });

  test('a dead connection is an error', async () => {
    const { server, client } = await start(always(fault.reset()));
    const error = await errorOf(client.messages.stream(ask(QUESTION)).finalMessage());
    expect(error.message).toContain('terminated');
    await expect.poll(() => server.requests[0]?.endedAt).toBeDefined();
    expect(server.requests[0]).toMatchObject({ closedEarly: false, status: 200 });
  });
});

describe('in the middle of a plain response', () => {
  test('the rest comes after silence', async () => {
    const { client } = await start(always(fault.stallMidStream(20, { reply: say('Here.') })));
    await expect(client.messages.create(ask(QUESTION))).resolves.toMatchObject({
      content: [{ text: 'Here.' }],
    });
  });

  test.for([
    ['an error event becomes the status of its type', fault.midStreamError(), { status: 529 }],
    ['a clean end is an error', fault.earlyEnd(), {}],
    ['a dead connection is an error', fault.reset(), {}],
  ] as const)('%s', async ([, answer, expected]) => {
    const { client } = await start(always(answer));
    expect(await errorOf(client.messages.create(ask(QUESTION)))).toMatchObject(expected);
  });
});

describe('a call', () => {
  const input = { customer_id: 1234, reason: 'The order was lost.' };

  test('that was cut off has a smaller input and the stop reason max_tokens', async () => {
    const { client } = await start(always(fault.truncatedToolUse('get_customer', input)));
    const cut = await client.messages.stream(ask(QUESTION)).finalMessage();
    expect(cut.stop_reason).toBe('max_tokens');
    expect(cut.content).toMatchObject([{ type: 'tool_use', input: { customer_id: 1234 } }]);
    expect(JSON.stringify(cut.content)).not.toContain('lost');
  });

  test('whose input is not valid JSON fails in the stream helper', async () => {
    const { client } = await start(always(fault.invalidJsonInput('get_customer', '{"a": }')));
    const error = await errorOf(client.messages.stream(ask(QUESTION)).finalMessage());
    expect(error).toBeInstanceOf(AnthropicError);
    expect(error.message).toContain('JSON');
  });
});

describe('the model stops', () => {
  test('with a refusal', async () => {
    const refusal = refuse({ category: 'cyber' }, reply(say('I'), callTools({ get_orders: {} })));
    const { client } = await start(always(refusal));
    const message = await client.messages.stream(ask(QUESTION)).finalMessage();
    expect(message.content).toHaveLength(2);
    expect(message).toMatchObject({
      stop_reason: 'refusal',
      stop_details: { type: 'refusal', category: 'cyber', explanation: null },
    });
  });

  test('with a pause, and goes on when its content comes back', async () => {
    const { client } = await start(conversation(QUESTION, [pauseTurn(), say('It rains.')]));
    const paused = await client.messages.stream(ask(QUESTION)).finalMessage();
    expect(paused.stop_reason).toBe('pause_turn');
    const { messages, ...rest } = ask(QUESTION);
    const resumed = await client.messages.create({
      ...rest,
      messages: [...messages, { role: 'assistant', content: paused.content }],
    });
    expect(resumed.content).toMatchObject([{ text: 'It rains.' }]);
  });

  test('without any content', async () => {
    const { client } = await start(always(sayNothing()));
    const message = await client.messages.stream(ask(QUESTION)).finalMessage();
    expect(message).toMatchObject({ content: [], stop_reason: 'end_turn' });
  });

  test('for an unknown reason', async () => {
    const { client } = await start(
      always(stopWith('tired', reply(think('Hm.'), say('Good night.')))),
    );
    const message = await client.messages.stream(ask(QUESTION)).finalMessage();
    expect(message.stop_reason).toBe('tired');
  });
});
