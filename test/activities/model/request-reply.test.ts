import { setTimeout as sleep } from 'node:timers/promises';
import Anthropic, { APIConnectionError, APIError } from '@anthropic-ai/sdk';
import { describe, expect, test } from 'vitest';
import { TornReplyError } from '../../../activities/model/reply-errors.ts';
import type { RequestOptions } from '../../../activities/model/request-reply.ts';
import { IdleStreamError, requestReply } from '../../../activities/model/request-reply.ts';
import { createSecrets } from '../../../activities/model/secrets.ts';
import { fault } from '../../../testing/faults.ts';
import type { MessagesServer } from '../../../testing/messages-server.ts';
import { startMessagesServer } from '../../../testing/messages-server.ts';
import type { Reply } from '../../../testing/messages/reply.ts';
import { callTools, paced, say } from '../../../testing/replies.ts';
import { conversation } from '../../../testing/script.ts';
import { messageDelta, messageStart, messageStop, text } from './stream-events.ts';
import { streamServer } from './stream-server.ts';

const QUESTION = 'What about customer 1234?';
const PATIENT: RequestOptions = {
  signal: new AbortController().signal,
  idleTimeoutMs: 10_000,
  secrets: createSecrets(),
};

const tool = (name: string) => ({
  name,
  description: `Reads ${name}.`,
  input_schema: { type: 'object' as const },
});

/** Asks once, with a client that would retry if it were let. */
function ask(url: string, options: Partial<RequestOptions> = {}) {
  const client = new Anthropic({ apiKey: 'test', baseURL: url, maxRetries: 5 });
  const params = {
    model: 'claude-opus-5-5',
    max_tokens: 1_024,
    tools: [tool('get_customer'), tool('get_orders')],
    messages: [{ role: 'user' as const, content: QUESTION }],
  };
  return requestReply(client, params, { ...PATIENT, ...options });
}

const serve = (reply: Reply): Promise<MessagesServer> =>
  startMessagesServer({ script: conversation(QUESTION, [reply]) });

/** What a promise was rejected with. */
async function rejection(promise: Promise<unknown>): Promise<unknown> {
  try {
    await promise;
  } catch (error) {
    return error;
  }
  throw new Error('It must be rejected.');
}

describe('a request', () => {
  test('brings one whole reply, with the id of the request', async () => {
    await using server = await serve(
      callTools(
        [
          ['get_customer', { customer_id: 1234 }, 'toolu_a'],
          ['get_orders', { customer_id: 1234, since: '2026-11-22 🧵' }, 'toolu_b'],
        ],
        { thinking: 'Two tools.', text: 'I look.' },
      ),
    );

    const reply = await ask(server.url);

    expect(reply).toMatchObject({
      model: 'claude-opus-5-5',
      stopReason: 'tool_use',
      requestId: server.requests[0]?.requestId,
    });
    expect(reply.content).toMatchObject([
      { type: 'thinking', signature: expect.stringMatching(/./) as string },
      { type: 'text', text: 'I look.' },
      { type: 'tool_use', id: 'toolu_a', input: { customer_id: 1234 } },
      { type: 'tool_use', id: 'toolu_b', input: { customer_id: 1234, since: '2026-11-22 🧵' } },
    ]);
    expect(reply.usage.output_tokens).toBeGreaterThan(1);
  });

  test('asks for a stream, so that a long reply is never cut off', async () => {
    await using server = await serve(say('Hello'));

    await ask(server.url);

    expect(server.requests[0]?.body).toMatchObject({ stream: true, max_tokens: 1_024 });
  });

  test.for([
    ['an error status', fault.overloaded()],
    ['an error in the stream', fault.midStreamError()],
    ['a dead connection', fault.reset()],
    ['a stream that ends early', fault.earlyEnd()],
  ] as const)('is made once, whatever the client would do after %s', async ([, reply]) => {
    await using server = await serve(reply);

    await rejection(ask(server.url));

    expect(server.requests).toHaveLength(1);
  });

  test('is made once if no server listens', async () => {
    const server = await serve(say('Hello'));
    await server.close();

    const error = await rejection(ask(server.url));

    expect(error).toBeInstanceOf(APIConnectionError);
    expect(server.requests).toHaveLength(0);
  });
});

describe('a request that the API rejects', () => {
  test('is rejected with its status, type and headers', async () => {
    await using server = await serve(fault.rateLimited({ retryAfter: 7 }));

    const error = await rejection(ask(server.url));

    expect(error).toBeInstanceOf(Anthropic.RateLimitError);
    expect(error).toMatchObject({ status: 429, type: 'rate_limit_error' });
    expect((error as APIError).headers?.get('retry-after')).toBe('7');
  });
});

describe('a stream that breaks', () => {
  test('with an error event is rejected with its type, and without a status', async () => {
    await using server = await serve(fault.midStreamError('api_error', { message: 'Boom' }));

    const error = await rejection(ask(server.url));

    expect(error).toBeInstanceOf(APIError);
    expect(error).toMatchObject({
      status: undefined,
      type: 'api_error',
      apiMessage: 'Boom',
      requestID: server.requests[0]?.requestId,
    });
  });

  test('with an error event is closed, even if the server keeps it open', async () => {
    const overloaded = { type: 'overloaded_error', message: 'Overloaded' };
    await using server = await streamServer(async (send) => {
      send(messageStart);
      send({ type: 'error', error: overloaded });
      await sleep(30_000, undefined, { ref: false });
    });

    expect(await rejection(ask(server.url))).toMatchObject({ type: 'overloaded_error' });
    await expect.poll(server.closedByClient).toBe(1);
  });

  test.for([0, 1, 3, 6])('with a clean end after %i events is torn', async (afterEvents) => {
    await using server = await serve(fault.earlyEnd({ afterEvents, reply: say('Yes.') }));

    expect(await rejection(ask(server.url))).toBeInstanceOf(TornReplyError);
  });

  test('with a dead connection is rejected with what Node says', async () => {
    await using server = await serve(fault.reset());

    expect(await rejection(ask(server.url))).toMatchObject({ message: 'terminated' });
  });

  test('with events of an unknown type does not break', async () => {
    await using server = await serve(fault.unknownEvent({ reply: say('Here I am.') }));

    expect((await ask(server.url)).content).toMatchObject([{ text: 'Here I am.' }]);
  });
});

describe('silence', () => {
  test.for([
    ['before the headers', fault.stallBeforeHeaders()],
    ['in the middle of the stream', fault.stallMidStream()],
    [
      'right before the end',
      fault.stallMidStream(undefined, { reply: say('Yes.'), afterEvents: 6 }),
    ],
  ] as const)('%s is given up, and the connection closed', async ([, reply]) => {
    await using server = await serve(reply);

    const error = await rejection(ask(server.url, { idleTimeoutMs: 150 }));

    expect(error).toEqual(new IdleStreamError('The Messages API sent nothing for 0.15 s.'));
    await expect.poll(() => server.requests[0]?.closedEarly).toBe(true);
  });

  test('that is shorter than the limit is waited for, again and again', async () => {
    // About eight events, and in all much longer than the limit.
    await using server = await serve(paced({ betweenEventsMs: 350 }, say('I take my time.')));

    const reply = await ask(server.url, { idleTimeoutMs: 2_000 });

    expect(reply.content).toMatchObject([{ text: 'I take my time.' }]);
  });

  test('is not assumed while pings come', async () => {
    await using server = await streamServer(async (send) => {
      send(messageStart);
      for (let sent = 0; sent < 8; sent += 1) {
        await sleep(350);
        send({ type: 'ping' });
      }
      for (const event of [...text(0, 'At last.'), messageDelta('end_turn'), messageStop]) {
        send(event);
      }
    });

    const reply = await ask(server.url, { idleTimeoutMs: 2_000 });

    expect(reply.content).toMatchObject([{ text: 'At last.' }]);
  });
});

describe('a request that is aborted', () => {
  test.for([
    ['before the headers', fault.stallBeforeHeaders()],
    ['in the middle of the stream', fault.stallMidStream()],
  ] as const)('%s is rejected with the reason, and the server sees it', async ([, reply]) => {
    await using server = await serve(reply);
    const controller = new AbortController();
    const reason = new Error('CANCELLED');

    const asked = rejection(ask(server.url, { signal: controller.signal }));
    await expect.poll(() => server.requests[0]?.body).toBeDefined();
    controller.abort(reason);

    expect(await asked).toBe(reason);
    await expect.poll(() => server.requests[0]?.closedEarly).toBe(true);
  });

  test('before it was made is rejected with the reason, and never made', async () => {
    await using server = await serve(say('Hello'));
    const reason = new Error('CANCELLED');

    expect(await rejection(ask(server.url, { signal: AbortSignal.abort(reason) }))).toBe(reason);
    expect(server.requests).toHaveLength(0);
  });

  test('after its reply came still has its reply', async () => {
    await using server = await serve(say('Hello'));
    const controller = new AbortController();

    const reply = await ask(server.url, { signal: controller.signal });
    controller.abort();

    expect(reply.content).toMatchObject([{ text: 'Hello' }]);
  });
});
