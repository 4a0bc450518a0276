import Anthropic from '@anthropic-ai/sdk';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { classifyModelError, withoutSecrets } from '../../../activities/model/classify-error.ts';
import { modelClient } from '../../../activities/model/client.ts';
import { requestReply } from '../../../activities/model/request-reply.ts';
import { createSecrets, redactLog } from '../../../activities/model/secrets.ts';
import { answerJson, httpServer } from '../../fixtures/http-server.ts';
import { timesTheUnit } from '../../fixtures/cpu.ts';

const PARAMS = {
  model: 'claude-opus-5-5',
  max_tokens: 100,
  messages: [{ role: 'user' as const, content: 'Hello' }],
};

describe('a credential that was sent is redacted', () => {
  test.for([
    ['as it is', 'planted-key/1', 'no planted-key/1 here', 'no *** here'],
    ['as often as it stands there', 'planted-key', 'planted-key,planted-key', '***,***'],
    ['without its scheme', 'Bearer planted-key', 'the key planted-key', 'the key ***'],
    ['in a URL', 'planted key/1', '?key=planted%20key%2F1&x', '?key=***&x'],
    ['in JSON', 'planted"key', String.raw`{"key":"planted\"key"}`, '{"key":"***"}'],
    [
      'when it is a password',
      `Basic ${btoa('ada:planted-password')}`,
      'not planted-password',
      'not ***',
    ],
    [
      'when it is a user and a password',
      `Basic ${btoa('ada:planted')}`,
      'not ada:planted',
      'not ***',
    ],
    ['but no word of a few letters', 'test', 'a test', 'a test'],
  ] as const)('%s', ([, sent, said, told]) => {
    const secrets = createSecrets();
    secrets.add(sent);

    expect(secrets.redact(said)).toBe(told);
  });

  test('even if one contains another', () => {
    const secrets = createSecrets();
    secrets.add('planted-key');
    secrets.add('planted-key-2');

    expect(secrets.redact('planted-key-2 and planted-key')).toBe('*** and ***');
  });

  test('as long as it is one of the newest', () => {
    const secrets = createSecrets();
    for (let i = 0; i < 1_000; i += 1) secrets.add(`planted-key-${i}.`);

    expect(secrets.redact('planted-key-0. planted-key-999.')).toBe('planted-key-0. ***');
  });
});

describe('a credential is recognized in every encoding:', () => {
  const key = 'planted-key/+&"7';
  const bytes = Buffer.from(key);
  const codes = (prefix: string, width: number) =>
    [...bytes].map((byte) => prefix + byte.toString(16).padStart(width, '0')).join('');
  const forms: [string, string][] = [
    ['in base64', bytes.toString('base64')],
    ['in base64 for URLs', bytes.toString('base64url')],
    ['in base64 within a URL', encodeURIComponent(bytes.toString('base64'))],
    ['in base64 behind one byte', Buffer.from(`:${key}`).toString('base64')],
    ['in base64 behind a user', Buffer.from(`me:${key}`).toString('base64')],
    ['in base64 within headers', Buffer.from(`x-api-key: ${key}\r\nhost: a`).toString('base64')],
    ['in hex', bytes.toString('hex')],
    ['in capital hex', bytes.toString('hex').toUpperCase()],
    ['in a URL', encodeURIComponent(key)],
    ['in a URL of small letters', encodeURIComponent(key).toLowerCase()],
    ['in a form', new URLSearchParams({ key: 'planted key/7' }).toString()],
    ['in a URL, every character', codes('%', 2)],
    ['in JSON', JSON.stringify({ key })],
    ['in JSON of PHP', JSON.stringify({ key }).replaceAll('/', String.raw`\/`)],
    ['in JSON in JSON', JSON.stringify(JSON.stringify({ key }))],
    ['in JSON, every character', codes(String.raw`\u`, 4)],
    ['in a page', key.replaceAll('&', '&amp;').replaceAll('"', '&quot;')],
    [
      'in a page, every character',
      codes('&#x', 2)
        .replaceAll(/(?=&#|$)/g, ';')
        .slice(1),
    ],
  ];

  test.for(forms)('%s', ([, form]) => {
    const secrets = createSecrets();
    secrets.add(`Bearer ${key}`);
    secrets.add('planted key/7');

    const told = secrets.redact(`You sent ${form}, which is wrong.`);

    expect(told).toMatch(/^You sent .*\*\*\*.*, which is wrong\.$/);
    // Of base64, the ends hold some bits of their neighbors.
    expect(told.length).toBeLessThan('You sent , which is wrong.'.length + 40);
    expect(told).not.toContain('lanted');
  });
});

test.for([
  'authorization',
  'x-api-key',
  'x-goog-iap-jwt-assertion',
  'cf-access-client-secret',
  'x-credential',
  'x-session-id',
  'x-signature',
])('the value of a header named %s is a credential', async (name) => {
  const secrets = createSecrets();
  await using server = await httpServer((request, response) => {
    answerJson(response, 401, {
      message: Buffer.from(String(request.headers[name])).toString('hex'),
    });
  });
  const client = new Anthropic({
    apiKey: 'a-key-for-tests',
    baseURL: server.url,
    defaultHeaders: { [name]: 'planted-value' },
  });

  const error: unknown = await requestReply(client, PARAMS, {
    signal: new AbortController().signal,
    idleTimeoutMs: 10_000,
    secrets,
  }).catch((thrown: unknown) => thrown);

  expect((error as Error).message).toBe('401 ***');
});

test('the body of an error is read only as far as it is useful', async () => {
  await using server = await httpServer((_request, response) => {
    response.writeHead(500, { 'content-type': 'text/html' });
    response.end(`planted-key ${'<p>'.repeat(10_000_000)}`);
  });
  const client = new Anthropic({ apiKey: 'planted-key', baseURL: server.url });

  const error: unknown = await requestReply(client, PARAMS, {
    signal: new AbortController().signal,
    idleTimeoutMs: 10_000,
    secrets: createSecrets(),
  }).catch((thrown: unknown) => thrown);

  expect((error as Error).message).toMatch(/^500 \*\*\* <p>/);
  expect((error as Error).message.length).toBeLessThan(70_000);
});

test('fifty credentials are searched for quickly', () => {
  const secrets = createSecrets();
  for (let i = 0; i < 50; i += 1) secrets.add(`planted-${i}-${'k'.repeat(200)}`);

  expect(timesTheUnit(() => secrets.redact('planted-k '.repeat(6_500)))).toBeLessThan(60);
});

test('a credential stays secret while its request runs, however many others are sent', async () => {
  const secrets = createSecrets();
  await using server = await httpServer((request, response) => {
    for (let i = 0; i < 1_000; i += 1) secrets.add(`planted-key-${i}.`);
    answerJson(response, 401, { message: request.headers['authorization'] });
  });
  const client = new Anthropic({ apiKey: 'planted-key', baseURL: server.url });

  const error: unknown = await requestReply(client, PARAMS, {
    signal: new AbortController().signal,
    idleTimeoutMs: 10_000,
    secrets,
  }).catch((e: unknown) => e);

  expect((error as Error).message).toContain('Bearer ***');
});

describe('what looks like a credential is redacted, whether it was sent or not:', () => {
  test.for([
    ['sk-ant-api03-abcdefgh', '***'],
    ['Authorization: Bearer abcdefgh12345678.x', 'Authorization: Bearer ***'],
    ['ya29.a0AfH6SMBx-y_z', '***'],
    ['eyJhbGciOiJSUzI1NiJ9.eyJpc3MiOiJhIn0.c2ln', '***'],
    ['eyJa.b.c', '***'],
    ['https://ada:planted@gateway.example.com/v1', 'https://***@gateway.example.com/v1'],
    ['invalid bearer token', 'invalid bearer token'],
    [
      'https://gateway.example.com/v1?to=ada@example.com',
      'https://gateway.example.com/v1?to=ada@example.com',
    ],
  ] as const)('%s', ([said, told]) => {
    expect(createSecrets().redact(said)).toBe(told);
  });
});

test('tokens in a text are those that a pattern finds, in time proportional to the text', () => {
  const secrets = createSecrets();
  const unit = fc.constantFrom('eyJ', 'a', '-', '_', '.', ' ', 'ey', 'J', '/', '***');
  fc.assert(
    fc.property(fc.string({ unit }), (text) => {
      const expected = text.replaceAll(/\beyJ[\w-]+\.[\w-]+\.[\w-]+/g, '***');
      expect(secrets.redact(text)).toBe(expected);
    }),
  );
  // With the pattern alone, the first of these takes some five minutes.
  for (const text of ['eyJ-', 'eyJ-a.', 'eyJa.-', 'sk-ant-', 'Bearer ', '://']) {
    expect(secrets.redact(text.repeat(250_000))).toBeTypeOf('string');
  }
});

test('a key that cannot be a header fails at once and is not repeated', async () => {
  for (const apiKey of ['planted\nkey-1234', () => Promise.resolve('planted\nkey-1234')]) {
    const secrets = createSecrets();
    const client = modelClient({ apiKey, baseURL: 'http://127.0.0.1:9' }, secrets);
    const options = { signal: new AbortController().signal, idleTimeoutMs: 10_000, secrets };

    const error: unknown = await requestReply(client(), PARAMS, options).catch((e: unknown) => e);

    // The SDK's own text holds it: what Plait reports is redacted.
    expect((error as Error).message).toContain('planted');
    const verdict = withoutSecrets(classifyModelError(error), secrets);
    expect(verdict.retryable).toBe(false);
    expect(verdict.message).toMatch(/^The request cannot be sent: the API key, or another header/);
    expect(secrets.redact((error as Error).message)).not.toContain('planted');
  }
});

test("a client's own key is known before its first request", () => {
  const secrets = createSecrets();
  modelClient(new Anthropic({ apiKey: 'planted-key-of-a-client' }), secrets);

  expect(secrets.redact('planted-key-of-a-client')).toBe('***');
});

test('an answer keeps its status and headers when credentials are taken out of it', async () => {
  await using server = await httpServer((request, response) =>
    answerJson(
      response,
      429,
      { message: request.headers['x-gateway-key'] },
      { 'retry-after': '7' },
    ),
  );
  const secrets = createSecrets();
  const client = new Anthropic({
    apiKey: 'a-key-for-tests',
    baseURL: server.url,
    defaultHeaders: { 'x-gateway-key': 'planted-key' },
  });

  const error: unknown = await requestReply(client, PARAMS, {
    signal: new AbortController().signal,
    idleTimeoutMs: 10_000,
    secrets,
  }).catch((e: unknown) => e);

  expect(error).toMatchObject({ status: 429, error: { message: '***' } });
  expect(classifyModelError(error)).toMatchObject({ retryable: true, delayMs: 7_000 });
});

test("the SDK's log holds no credentials", () => {
  const lines: unknown[] = [];
  const write = (...line: unknown[]) => void lines.push(line);
  const secrets = createSecrets();
  secrets.add('planted-key');
  const log = redactLog({ error: write, warn: write, info: write, debug: write }, secrets);

  log.error('planted-key');
  log.warn('planted-key');
  log.info('planted-key');
  log.debug('sent', { headers: { 'x-gateway-key': 'planted-key' } });

  expect(lines).toEqual([
    ['***'],
    ['***'],
    ['***'],
    ['sent', "{ headers: { 'x-gateway-key': '***' } }"],
  ]);
});
