import { once } from 'node:events';
import type { ServerResponse } from 'node:http';
import { createServer } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import Anthropic, { APIError } from '@anthropic-ai/sdk';
import { describe, expect, test } from 'vitest';
import { TornReplyError, UnusableReplyError } from '../../../activities/model/reply-errors.ts';
import { requestReply } from '../../../activities/model/request-reply.ts';
import { createSecrets } from '../../../activities/model/secrets.ts';
import { frame } from '../../../testing/messages/sse.ts';
import { bedrockClient } from '../../fixtures/cloud-clients.ts';
import { chunkFrame } from '../../fixtures/event-stream.ts';
import { onLoopback } from '../../fixtures/loopback.ts';
import { messageDelta, messageStart, messageStop, text } from './stream-events.ts';

const EVENTS = [messageStart, ...text(0, 'Hello.'), messageDelta('end_turn'), messageStop];
const WHOLE = EVENTS.map(frame).join('');

/** A server that answers every request in this way. */
async function answering(answer: (response: ServerResponse) => void | Promise<void>) {
  let connections = 0;
  const server = createServer((request, response) => {
    const reply = async () => {
      request.resume();
      await once(request, 'end');
      await answer(response);
    };
    reply().catch(() => response.destroy());
  }).on('connection', () => {
    connections += 1;
  });
  return { ...(await onLoopback(server)), connections: () => connections };
}

const stream = (body: string, type = 'text/event-stream') =>
  answering((response) => {
    response.writeHead(200, { 'content-type': type, 'request-id': 'req_1' }).end(body);
  });

async function ask(url: string, client = new Anthropic({ apiKey: 'test', baseURL: url })) {
  return await requestReply(
    client,
    { model: 'claude-opus-5-5', max_tokens: 100, messages: [{ role: 'user', content: 'Hello' }] },
    { signal: new AbortController().signal, idleTimeoutMs: 5_000, secrets: createSecrets() },
  );
}

const failure = async (asked: Promise<unknown>): Promise<unknown> =>
  await asked.then(
    () => new Error('It must be rejected.'),
    (error: unknown) => error,
  );

describe('a whole reply is not spoilt by what follows it:', () => {
  test.for([
    ['the end of OpenAI', 'event: done\ndata: [DONE]\n\n'],
    ['the same without a name', 'data: [DONE]\n\n'],
    ['an error', frame({ type: 'error', error: { type: 'api_error', message: 'Boom' } } as never)],
    ['another reply', WHOLE],
    ['an event that is cut', 'event: message_start\ndata: {"type":'],
    ['a page', '<html></html>\n\n'],
    ['an event of another kind', 'event: usage\ndata: null\n\n'],
  ] as const)('%s', async ([, rest]) => {
    await using server = await stream(WHOLE + rest);

    expect((await ask(server.url)).content).toMatchObject([{ type: 'text', text: 'Hello.' }]);
  });

  test('a connection that dies', async () => {
    await using server = await answering(async (response) => {
      response.writeHead(200, { 'content-type': 'text/event-stream' });
      response.write(WHOLE);
      await sleep(50);
      response.destroy();
    });

    expect((await ask(server.url)).content).toMatchObject([{ text: 'Hello.' }]);
  });

  test('a stream that does not end', async () => {
    await using server = await answering((response) => {
      response.writeHead(200, { 'content-type': 'text/event-stream' }).write(WHOLE);
    });

    expect((await ask(server.url)).content).toMatchObject([{ text: 'Hello.' }]);
  });

  test('and its connection serves the next request', async () => {
    await using server = await stream(`${WHOLE}event: done\ndata: [DONE]\n\n`);

    for (let count = 0; count < 3; count += 1) {
      await ask(server.url);
      await sleep(20);
    }

    expect(server.connections()).toBe(1);
  });
});

describe('an answer that is not a stream of the API', () => {
  const page = '<!DOCTYPE html>\n<html><body>We are\n  back soon</body></html>';

  test.for([
    ['a page', page, 'text/html', '<!DOCTYPE html> <html><body>We are back soon</body></html>'],
    ['a page that says it is a stream', page, 'text/event-stream', '<!DOCTYPE html> <html>'],
    [
      'an error that may pass',
      '{"type":"error","error":{"type":"overloaded_error","message":"Overloaded"}}',
      'application/json',
      '{"type":"error","error":{"type":"overloaded_error","message":"Overloaded"}}',
    ],
    ['a message in one piece', '{"type":"message","content":[]}', 'application/json', '{"type":"m'],
    ['a deep document', '['.repeat(100_000), 'application/json', '[[[[['],
    ['events without names', `data: ${JSON.stringify(messageStart)}\n\n`, 'x/y', 'data: {"type":'],
  ] as const)(
    'cannot be used, and its first words are reported: %s',
    async ([, body, type, shown]) => {
      await using server = await stream(body, type);

      const error = await failure(ask(server.url));

      expect(error).toBeInstanceOf(UnusableReplyError);
      expect((error as Error).message).toMatch(
        /^the answer has status 200 and is not a stream of the Messages API: /,
      );
      expect((error as Error).message).toContain(shown);
      expect((error as Error).message.length).toBeLessThan(300);
      expect(error).toMatchObject({ requestId: 'req_1' });
    },
  );

  test('is the error that it contains, if that error is final', async () => {
    const body = { error: { type: 'authentication_error', message: 'No such key' } };
    await using server = await stream(JSON.stringify(body), 'application/json');

    const error = await failure(ask(server.url));

    expect(error).toBeInstanceOf(APIError);
    expect(error).toMatchObject({ type: 'authentication_error', apiMessage: 'No such key' });
  });

  test.for(['', '\n\n', 'event: mess', ': ping\n\n', 'event: ping\ndata: {}\n\n'])(
    'is torn if it is empty or begins like a stream: %j',
    async (body) => {
      await using server = await stream(body);

      expect(await failure(ask(server.url))).toBeInstanceOf(TornReplyError);
    },
  );

  test('cannot be used if its status means an empty body', async () => {
    await using server = await answering((response) => {
      response.writeHead(204).end();
    });

    expect(await failure(ask(server.url))).toMatchObject({ message: 'the answer is empty' });
  });
});

describe('a stream with an event that is not one of the API', () => {
  test.for([
    ['that is cut', 'event: content_block_delta\ndata: {"type":"content_bl\n\n'],
    ['that is a page', 'event: content_block_delta\ndata: <html>\n\n'],
    ['that is null', 'event: content_block_delta\ndata: null\n\n'],
    ['that is a list', 'event: content_block_delta\ndata: []\n\n'],
    ['of the end of OpenAI', 'event: done\ndata: [DONE]\n\n'],
  ] as const)('%s cannot be used, and costs what it says', async ([, event]) => {
    await using server = await stream(frame(messageStart) + event + WHOLE);

    const error = await failure(ask(server.url));

    expect(error).toBeInstanceOf(UnusableReplyError);
    expect((error as Error).message).toMatch(/^an event of its stream is not (JSON|the API's): /);
    expect(error).toMatchObject({ requestId: 'req_1', usage: { input_tokens: 120 } });
  });

  test('that is an error in prose is reported in those words', async () => {
    await using server = await stream('event: error\ndata: upstream is gone\n\n');

    expect(await failure(ask(server.url))).toMatchObject({ apiMessage: 'upstream is gone' });
  });

  test('that is a deeply nested error cannot be used', async () => {
    const deep = `{"error":${'['.repeat(9_000)}${']'.repeat(9_000)}}`;
    await using server = await stream(`event: error\ndata: ${deep}\n\n`);

    expect(await failure(ask(server.url))).toBeInstanceOf(UnusableReplyError);
  });

  test('cannot be used from Bedrock either', async () => {
    await using server = await answering((response) => {
      response.writeHead(200, { 'content-type': 'application/vnd.amazon.eventstream' });
      response.end(Buffer.concat([chunkFrame(JSON.stringify(messageStart)), chunkFrame('<html>')]));
    });

    const error = await failure(ask(server.url, bedrockClient(server.url) as never));

    expect(error).toBeInstanceOf(UnusableReplyError);
    expect((error as Error).message).toBe('an event of its stream is not JSON: <html>');
  });
});
