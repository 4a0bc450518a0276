import { randomUUID } from 'node:crypto';
import type { RequestListener } from 'node:http';
import { createServer } from 'node:http';
import { setInterval } from 'node:timers/promises';
import type { Message } from '@ag-ui/client';
import { Chat } from '@ai-sdk/react';
import { getRequestListener } from '@hono/node-server';
import type { UIMessage, UIMessageChunk } from 'ai';
import {
  DefaultChatTransport,
  isToolUIPart,
  lastAssistantMessageIsCompleteWithApprovalResponses,
  readUIMessageStream,
} from 'ai';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { WorkerUnavailableError } from '../../client/index.ts';
import { callTools, say } from '../../testing/replies.ts';
import { conversation, script } from '../../testing/script.ts';
import type { TestEnvironment } from '../../testing/environment.ts';
import { chatHandler } from '../../web/index.ts';
import { openChat } from '../docs/ag-ui-chat.ts';
import type { Loopback } from '../fixtures/loopback.ts';
import { onLoopback } from '../fixtures/loopback.ts';
import { startPlait } from '../fixtures/plait.ts';
import { agentNamed, ask as askAgent } from '../fixtures/sub-agents.ts';
import { agentWith, reader, writer } from '../fixtures/tools.ts';
import { until } from '../fixtures/until.ts';
import { latch } from '../fixtures/waiting-turns.ts';

const refunds: unknown[] = [];
const held = latch();

const refund = writer('refund', (input) => void refunds.push(input), { approval: 'always' });
const helper = agentNamed('helper', [refund]);

const agent = agentWith([
  askAgent(helper),
  reader('look', () => 'three'),
  reader('wait', async () => (await held.opened, { minutes: 5 })),
  reader('hang', async (_input, { signal, heartbeat }) => {
    // A cancel arrives with a heartbeat.
    for await (const _ of setInterval(100, undefined, { signal })) heartbeat();
  }),
  refund,
]);

const desk = script(
  conversation('refund', [
    callTools({ look: { order: 7 }, refund: { cents: 5 } }, { text: 'I look.' }),
    say('Done.'),
  ]),
  conversation('deny', [callTools({ refund: { cents: 9 } }), say('I did not.')]),
  conversation('pay back', [
    callTools({ look: { order: 8 }, refund: { cents: 7 } }, { text: 'I look first.' }),
    say('It is paid back.'),
  ]),
  conversation('lead', [callTools({ helper: { prompt: 'pay 3' } }), say('All is paid.')]),
  conversation('pay 3', [callTools({ refund: { cents: 3 } }), say('I have paid it.')]),
  conversation('wait', [callTools({ wait: {} }, { text: 'I wait.' }), say('It is over.')]),
  conversation('hang', [callTools({ hang: {} }), say('Never said.')]),
);

let plait: TestEnvironment;
let server: Loopback;
const errors: unknown[] = [];

beforeAll(async () => {
  plait = await startPlait({ agents: [agent], script: desk });
  const { fetch } = chatHandler({
    client: plait.agents,
    agent,
    authorize: ({ headers }) => {
      const user = headers.get('authorization');
      return user === null ? undefined : { user };
    },
    onError: (error) => errors.push(error),
  });
  server = await onLoopback(
    createServer(getRequestListener(fetch, { overrideGlobalObjects: false }) as RequestListener),
  );
});

afterAll(async () => {
  await server[Symbol.asyncDispose]();
  await plait.close();
  expect(errors.filter((error) => !(error instanceof WorkerUnavailableError))).toEqual([]);
});

const ADA = { authorization: 'ada' };

const ask = (path: string, init: RequestInit = {}) =>
  fetch(`${server.url}/api/chat${path}`, { headers: ADA, ...init });

const post = (path: string, body: object, headers: Record<string, string> = ADA) =>
  ask(path, {
    method: 'POST',
    headers: { ...headers, 'content-type': 'application/json' },
    body: JSON.stringify(body),
  });

const said = (text: string) => ({
  messages: [{ id: randomUUID(), role: 'user', parts: [{ type: 'text', text }] }],
});

/** What `useChat` is without React. */
function page(id: string, messages: UIMessage[] = []) {
  return new Chat<UIMessage>({
    id,
    messages,
    transport: new DefaultChatTransport({ api: `${server.url}/api/chat`, headers: ADA }),
    sendAutomaticallyWhen: lastAssistantMessageIsCompleteWithApprovalResponses,
  });
}

const outputOf = (part: { output?: unknown }) =>
  part.output === undefined ? '' : ` ${JSON.stringify(part.output)}`;

/** Of each part what a person sees. */
function shownBy({ parts }: UIMessage): string[] {
  return parts.flatMap((part) => {
    if (part.type === 'text') return [part.text];
    return isToolUIPart(part) && part.type === 'dynamic-tool'
      ? [`${part.toolName}(${JSON.stringify(part.input)}) ${part.state}${outputOf(part)}`]
      : [];
  });
}

const lastOf = ({ messages }: Chat<UIMessage>) => messages.at(-1) as UIMessage;

const asked = (message: UIMessage) =>
  message.parts.filter(isToolUIPart).find(({ state }) => state === 'approval-requested')?.approval
    ?.id ?? '';

const chunksIn = (events: string) =>
  [...events.matchAll(/^data: (\{.*\})$/gm)].map(
    ([, data = '']) => JSON.parse(data) as UIMessageChunk,
  );

/** Reads a response until it has this, and leaves. */
async function readUntil({ body }: Response, pattern: RegExp): Promise<string> {
  let text = '';
  for await (const piece of body?.pipeThrough(new TextDecoderStream()) ?? []) {
    text += piece;
    if (pattern.test(text)) return text;
  }
  return text;
}

test('useChat gets a turn of two calls, one of which runs when a person has approved it', async () => {
  const chatId = randomUUID();
  const chat = page(chatId);
  await chat.sendMessage({ text: 'refund' });

  expect(chat.error).toBeUndefined();
  expect(shownBy(lastOf(chat))).toEqual([
    'I look.',
    'look({"order":7}) output-available "three"',
    'refund({"cents":5}) approval-requested',
  ]);
  expect(refunds).toEqual([]);

  await chat.addToolApprovalResponse({ id: asked(lastOf(chat)), approved: true });
  const whole = [
    'I look.',
    'look({"order":7}) output-available "three"',
    'refund({"cents":5}) output-available null',
    'Done.',
  ];
  await until(() => chat.status === 'ready' && shownBy(lastOf(chat)).length === whole.length);

  expect(chat.error).toBeUndefined();
  expect(chat.messages).toHaveLength(2);
  expect(shownBy(lastOf(chat))).toEqual(whole);
  expect(refunds).toEqual([{ cents: 5 }]);
  const turnId = lastOf(chat).id;
  const { calls } = await plait.agents.getTurn(turnId).result();
  expect(calls[1]?.approval).toMatchObject({ decision: 'approved', by: 'ada' });

  // A page that is loaded now has the same.
  const loaded = (await (await ask(`/${chatId}/messages`)).json()) as { messages: UIMessage[] };
  expect(loaded.messages.map(({ id }) => id)).toEqual(['message-0', turnId]);
  expect(loaded.messages.map(shownBy)).toEqual([['refund'], whole]);

  // For somebody else there is none of it.
  const headers = { authorization: 'eve' };
  expect(await (await ask(`/${chatId}/messages`, { headers })).json()).toEqual({ messages: [] });
  expect((await ask(`/${chatId}/stream`, { headers })).status).toBe(204);
  expect((await ask(`/turns/${turnId}/stream`, { headers })).status).toBe(404);
  const decision = { approvalId: `${turnId}/1/${calls[1]?.id}`, approved: true };
  expect((await post('/decisions', decision, headers)).status).toBe(404);
  expect((await ask(`/turns/${turnId}/stream`)).status).toBe(200);
});

test('a page that is reloaded in the middle goes on, and so does a client that reconnects', async () => {
  const chatId = randomUUID();
  const first = await post('', { id: chatId, ...said('wait') });
  const before = await readUntil(first, /"tool-input-available"/);
  const lastEventId = [...before.matchAll(/^id: (.*)$/gm)].at(-1)?.[1] ?? '';
  const { messages } = (await (await ask(`/${chatId}/messages`)).json()) as {
    messages: UIMessage[];
  };
  const reloaded = page(chatId, messages);
  const resumed = reloaded.resumeStream();
  const reconnected = await ask(`/${chatId}/stream`, {
    headers: { ...ADA, 'last-event-id': lastEventId },
  });
  // Both are there before the call ends.
  await until(() => shownBy(lastOf(reloaded)).includes('wait({}) input-available'));
  held.open();
  await resumed;

  const whole = ['I wait.', 'wait({}) output-available {"minutes":5}', 'It is over.'];
  expect(reloaded.messages.map(shownBy)).toEqual([['wait'], whole]);
  const rest = await reconnected.text();
  const stream = ReadableStream.from([...chunksIn(before), ...chunksIn(rest)]);
  let message: UIMessage | undefined;
  for await (const one of readUIMessageStream({ stream })) message = one;
  expect(message && shownBy(message)).toEqual(whole);
  expect(rest).toMatch(/^id: .*\/ended\ndata: \{"type":"finish","finishReason":"stop"/m);
});

test('a page denies a call, and another one stops its turn', async () => {
  const denied = randomUUID();
  const paused = await (await post('', { id: denied, ...said('deny') })).text();
  const request = chunksIn(paused).find(({ type }) => type === 'tool-approval-request');
  const { approvalId } = request as { approvalId: string };
  const decision = { approvalId, approved: false, reason: 'too much' };
  expect((await post('/decisions', decision)).status).toBe(204);
  const answer = await (await ask(`/${denied}/stream`)).text();
  expect(chunksIn(answer)).toContainEqual(
    expect.objectContaining({ type: 'tool-approval-response', approved: false }),
  );
  expect(answer).toContain('I did not.');
  expect(refunds).not.toContainEqual({ cents: 9 });
  expect(JSON.stringify(plait.model.requests.map(({ body }) => body))).toContain('too much');

  const stopped = randomUUID();
  const running = await post('', { id: stopped, ...said('hang') });
  const rest = running.text();
  const soon = await post('', { id: stopped, ...said('hang') });
  expect([soon.status, await soon.text()]).toEqual([
    409,
    'The agent is still at work on the message before.',
  ]);
  expect((await ask(`/${stopped}/stream`, { method: 'DELETE' })).status).toBe(204);
  expect(chunksIn(await rest).at(-1)).toEqual({
    type: 'finish',
    finishReason: 'other',
    messageMetadata: { stopReason: 'cancelled' },
  });
});

test('a page finds what a sub-agent asks, and decides about it', async () => {
  const id = randomUUID();
  const sent = await post('', { id, ...said('lead') });
  const rest = sent.text();
  const waiting = async () => {
    const response = await ask(`/${id}/approvals`);
    // A worker answers, which may be busy.
    if (response.status === 503) return [];
    return ((await response.json()) as { approvals: { approvalId: string }[] }).approvals;
  };
  const approvals = await until(waiting, ({ length }) => length > 0);
  expect(approvals).toMatchObject([
    { toolName: 'refund', input: { cents: 3 }, agents: ['tester', 'helper'] },
  ]);
  const eve = await ask(`/${id}/approvals`, { headers: { authorization: 'eve' } });
  expect(await eve.json()).toEqual({ approvals: [] });
  const { approvalId } = approvals[0] as { approvalId: string };
  const decide = () => post('/decisions', { approvalId, approved: true });
  await until(async () => (await decide()).status === 204);

  const chunks = chunksIn(await rest);
  expect(chunks).toContainEqual(
    expect.objectContaining({ type: 'tool-output-available', output: 'I have paid it.' }),
  );
  expect(refunds).toContainEqual({ cents: 3 });
  expect(await waiting()).toEqual([]);
});

test('a front end of AG-UI gets the same turn: up to the approval, and the rest after it', async () => {
  const config = { url: `${server.url}/api/chat`, threadId: randomUUID(), headers: ADA };
  const pages = { first: [] as readonly Message[], loaded: [] as readonly Message[] };
  const questions: string[] = [];
  const first = openChat(config, {
    show: (messages) => (pages.first = messages),
    decide: (question) => (questions.push(question), new Promise(() => undefined)), // nobody is there
  });
  void first.send('pay back');
  await until(() => questions.length > 0);
  expect(questions).toEqual(['May refund run?']);
  const shown = [
    { role: 'user', content: 'pay back' },
    { role: 'assistant', content: 'I look first.', toolCalls: [{}, {}] },
    { role: 'tool', content: 'three' },
  ];
  expect(pages.first).toMatchObject(shown);
  expect(refunds).not.toContainEqual({ cents: 7 });

  // A page that is loaded now has nothing, and gets all of it.
  const loaded = openChat(config, {
    show: (messages) => (pages.loaded = messages),
    decide: () => {
      expect(pages.loaded).toMatchObject(shown);
      return Promise.resolve(true);
    },
  });
  await loaded.load();
  expect(pages.loaded).toMatchObject([
    ...shown,
    { role: 'tool', content: '' },
    { role: 'assistant', content: 'It is paid back.' },
  ]);
  expect(refunds).toContainEqual({ cents: 7 });
  const whole = pages.loaded.map(({ role, content }) => ({ role, content }));
  await loaded.load();
  expect(pages.loaded).toMatchObject(whole);
});
