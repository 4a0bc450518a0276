import { expect, onTestFinished, test } from 'vitest';
import type { AgentClient } from '../../client/index.ts';
import { SessionBusyError, TemporalUnavailableError } from '../../client/index.ts';
import { defineAgent } from '../../index.ts';
import type { ChatHandlerOptions } from '../../web/index.ts';
import { chatHandler } from '../../web/index.ts';

const agent = defineAgent({ name: 'desk', model: 'claude-opus-5-5' });
const SECRET = 'No Temporal server answers at 10.0.0.7:7233.';

/** A client whose messages end like this. */
const sending = (send: () => Promise<unknown>) =>
  ({ openSession: () => ({ send }) }) as unknown as AgentClient;

const away = sending(() => Promise.reject(new TemporalUnavailableError(SECRET)));

function handlerWith(options: Partial<ChatHandlerOptions>) {
  const errors: unknown[] = [];
  const handler = chatHandler({
    client: away,
    agent,
    authorize: () => ({ user: 'ada' }),
    onError: (error) => errors.push(error),
    ...options,
  });
  onTestFinished(() => handler.close());
  const ask = async (path: string, init: RequestInit = {}) => {
    const response = await handler.fetch(new Request(`http://desk/api/chat${path}`, init));
    return { status: response.status, text: await response.text() };
  };
  return { ask, errors };
}

const json = { 'content-type': 'application/json' };
const hello = {
  method: 'POST',
  headers: json,
  body: JSON.stringify({
    id: 'c1',
    messages: [{ id: 'm1', role: 'user', parts: [{ type: 'text', text: 'hello' }] }],
  }),
};

test.each<[string, Partial<ChatHandlerOptions>, string]>([
  ['no authorize', { authorize: undefined as never }, 'without it anybody could start turns'],
  ['no agent', { agent: {} as never }, 'agent must come from defineAgent'],
  ['no client', { client: {} as never }, 'client must be an AgentClient'],
  ['another whenBusy', { whenBusy: 'steer' as never }, "must be 'reject', 'queue' or 'interrupt'"],
])('a handler with %s does not start', (_, options, problem) => {
  expect(() => handlerWith(options)).toThrow(problem);
});

test('no request is answered before it is authorised', async () => {
  const { ask, errors } = handlerWith({
    authorize: ({ headers }) => {
      if (headers.has('x-own')) return new Response('mine', { status: 418 });
      if (headers.has('x-throw')) throw new Error('the directory is away');
      return headers.has('x-wrong') ? { user: '' } : undefined;
    },
  });
  const headers = (name: string) => ({ ...hello, headers: { ...json, [name]: '1' } });
  expect(await ask('', hello)).toEqual({
    status: 401,
    text: 'This server does not know who you are.',
  });
  expect(await ask('', headers('x-own'))).toEqual({ status: 418, text: 'mine' });
  expect(await ask('/c1/stream', { headers: { 'x-throw': '1' } })).toEqual({
    status: 500,
    text: 'The server could not find out who you are.',
  });
  expect((await ask('', headers('x-wrong'))).status).toBe(500);
  expect(errors.map(String)).toEqual([
    'Error: the directory is away',
    expect.stringContaining('user is empty'),
  ]);
});

test.each<[string, string, RequestInit, number]>([
  ['a path that is not there', '/c1/nothing', {}, 404],
  ['a form of another site', '', { ...hello, headers: { 'content-type': 'text/plain' } }, 415],
  ['no JSON', '', { ...hello, body: '{' }, 400],
  ['no message', '', { ...hello, body: '{}' }, 400],
  ['what is at its end', '/c1/stream', { headers: { 'last-event-id': 'turn-1/ended' } }, 204],
])('%s is answered without a request to Temporal', async (_, path, init, status) => {
  const { ask, errors } = handlerWith({});
  expect((await ask(path, init)).status).toBe(status);
  expect(errors).toEqual([]);
});

test('a caller who may not decide cannot', async () => {
  const { ask } = handlerWith({ authorize: () => ({ user: 'guest', decides: false }) });
  const body = JSON.stringify({ approvalId: 'turn-1/1/toolu_1', approved: true });
  expect(await ask('/decisions', { method: 'POST', headers: json, body })).toEqual({
    status: 403,
    text: 'You may not decide about calls.',
  });
});

test('if Temporal does not answer, the page learns only that, and the operator everything', async () => {
  const { ask, errors } = handlerWith({});
  expect(await ask('', hello)).toEqual({
    status: 503,
    text: 'The agent cannot be reached at the moment. Try again later.',
  });
  expect(errors.map(String)).toEqual([expect.stringContaining(SECRET)]);
});

test('the same applies in the middle of an answer', async () => {
  const turn = {
    turnId: 'turn-1',
    async *stream() {
      yield { type: 'textDelta', round: 1, block: 0, text: 'Well' };
      throw new TemporalUnavailableError(SECRET);
    },
  };
  const { ask, errors } = handlerWith({ client: sending(() => Promise.resolve(turn)) });
  const { status, text } = await ask('', hello);
  expect(status).toBe(200);
  expect(text).toContain('"delta":"Well"');
  expect(text).toContain(
    'data: {"type":"error","errorText":"The agent cannot be reached at the moment. Try again later."}\n\ndata: [DONE]',
  );
  expect(text).not.toContain('10.0.0.7');
  expect(errors.map(String)).toEqual([expect.stringContaining(SECRET)]);
});

test('a message that comes too early is rejected in plain words', async () => {
  const busy = new SessionBusyError('desk-1', 'turn desk-1.turn-1 is running.');
  const { ask, errors } = handlerWith({ client: sending(() => Promise.reject(busy)) });
  expect(await ask('', hello)).toEqual({
    status: 409,
    text: 'The agent is still at work on the message before.',
  });
  expect(errors).toEqual([]);
});
