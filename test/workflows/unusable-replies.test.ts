import type { ServerResponse } from 'node:http';
import { describe, expect, test } from 'vitest';
import { TurnFailedError } from '../../client/index.ts';
import { frame, messageEvents } from '../../testing/messages/sse.ts';
import type { ServedMessage } from '../../testing/messages/reply.ts';
import { httpServer } from '../fixtures/http-server.ts';
import { agentWith, reader } from '../fixtures/tools.ts';
import { workerWith } from '../fixtures/worker-with.ts';

let looks = 0;
const agent = agentWith([reader('look', () => `seen ${(looks += 1)}`)]);

function stream(stopReason: string, block: object, inputs?: Map<number, string>): string {
  const message = {
    id: 'msg_1',
    type: 'message',
    role: 'assistant',
    model: 'claude-opus-5-5',
    content: [block],
    stop_reason: stopReason,
    stop_sequence: null,
    usage: { input_tokens: 10, output_tokens: 5 },
  } as unknown as ServedMessage;
  return messageEvents(message, inputs).map(frame).join('');
}

/** A reply that calls the tool with this JSON. */
function called(json: string): string {
  const call = { type: 'tool_use', id: 'toolu_1', name: 'look', input: {} };
  return stream('tool_use', call, new Map([[0, json]]));
}

const DONE = stream('end_turn', { type: 'text', text: 'Done.' });
const deep = (depth: number) => `{"a":${'['.repeat(depth)}${']'.repeat(depth)}}`;
const sse = (body: string) => (response: ServerResponse) => {
  response.writeHead(200, { 'content-type': 'text/event-stream' }).end(body);
};
const other = (type: string, body: string) => (response: ServerResponse) => {
  response.writeHead(200, { 'content-type': type }).end(body);
};
const KEY = 'a-key-that-a-gateway-repeats';

async function turnWith(answer: (response: ServerResponse) => void) {
  await using model = await httpServer((_request, response) => answer(response));
  await using plait = await workerWith({
    agents: [agent],
    anthropic: { apiKey: KEY, baseURL: model.url },
  });
  const error: unknown = await plait.agents.execute(agent, 'go').catch((thrown: unknown) => thrown);
  expect(error).toBeInstanceOf(TurnFailedError);
  const { message } = error as TurnFailedError;
  return { message, requests: model.requests.length };
}

describe('a reply that cannot be used is requested three times, and then its first words are reported:', () => {
  test.for([
    [
      'input that is not JSON',
      sse(called('{"id": 12 34')),
      'look (toolu_1) is not valid JSON: {"id": 12 34',
    ],
    ['input that is a list', sse(called('[1]')), 'look (toolu_1) is not an object: [1]'],
    [
      'input that is nested 5,000 deep',
      sse(called(deep(5_000))),
      'look (toolu_1) is nested more than 200 deep: {"a":[[[',
    ],
    [
      'half an emoji',
      sse(called('{"t": "a\\ud83e"}')),
      'look (toolu_1) holds half of a surrogate pair: ',
    ],
    [
      'a page',
      other('text/html', `<html>Key ${KEY} is not known`),
      'Messages API: <html>Key *** is not known',
    ],
    [
      'an error with the status 200',
      other('application/json', '{"type":"error","error":{"type":"api_error","message":"Boom"}}'),
      '{"type":"error","error":{"type":"api_error","message":"Boom"}}',
    ],
    [
      'an event that is not JSON',
      sse('event: message_start\ndata: [DONE]\n\n'),
      'is not JSON: [DONE]',
    ],
  ] as const)('%s', async ([, answer, words]) => {
    const { message, requests } = await turnWith(answer);

    expect(message).toMatch(/^The model's reply cannot be used: .* \(asked 3 times\)\.$/s);
    expect(message).toContain(words);
    expect(requests).toBe(3);
    expect(looks).toBe(0);
  });
});

test('an error with the status 200 that will not pass fails the turn at once', async () => {
  const error = { type: 'invalid_request_error', message: 'prompt is too long' };
  const { message, requests } = await turnWith(
    other('application/json', JSON.stringify({ type: 'error', error })),
  );

  expect(message).toContain('invalid_request_error: prompt is too long');
  expect(requests).toBe(1);
});

test('a deeply nested error body is an error like any other', async () => {
  const { message, requests } = await turnWith((response) => {
    const body = `{"error":{"message":"Boom","a":${deep(9_000)}}}`;
    response.writeHead(400, { 'content-type': 'application/json' }).end(body);
  });

  expect(message).toContain('answered 400');
  expect(message).toContain('Boom');
  expect(requests).toBe(1);
});

test('a somewhat nested input reaches its tool', async () => {
  looks = 0;
  await using model = await httpServer((_request, response, count) => {
    sse(count === 1 ? called(deep(190)) : DONE)(response);
  });
  await using plait = await workerWith({
    agents: [agent],
    anthropic: { apiKey: KEY, baseURL: model.url },
  });

  const result = await plait.agents.execute(agent, 'go');

  expect(result).toMatchObject({ text: 'Done.', calls: [{ outcome: 'succeeded' }] });
  expect(model.requests[1]?.text).toContain(`"input":${deep(190)}`);
  expect(looks).toBe(1);
});
