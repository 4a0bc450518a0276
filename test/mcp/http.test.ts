import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { json } from 'node:stream/consumers';
import { describe, expect, onTestFinished, test } from 'vitest';
import { Connections } from '../../mcp/connections.ts';
import { fetchFor, isPrivate } from '../../mcp/http.ts';

describe('an address is private', () => {
  test.for([
    '127.0.0.1',
    '10.1.2.3',
    '172.31.0.1',
    '192.168.1.1',
    '169.254.169.254',
    '100.64.0.1',
    '0.0.0.0',
    '255.255.255.255',
    '::1',
    '::',
    'fd00::1',
    'fe80::1',
    '::ffff:127.0.0.1',
    '64:ff9b::7f00:1',
  ])('%s', (address) => {
    expect(isPrivate(address)).toBe(true);
  });

  test.for(['1.1.1.1', '172.32.0.1', '2606:4700::1111', '::ffff:8.8.8.8'])(
    'but not %s',
    (address) => {
      expect(isPrivate(address)).toBe(false);
    },
  );
});

interface Sent {
  url: string;
  headers: Record<string, string>;
}

function recorded(headers: Parameters<typeof fetchFor>[0]['headers']) {
  const sent: Sent[] = [];
  const secrets: string[] = [];
  const send = fetchFor(
    { type: 'http', url: 'https://mcp.example/mcp', ...(headers && { headers }) },
    { agent: 'clerk', user: 'ana', context: { tenant: 'a' } },
    { secret: (value) => secrets.push(value) },
    (url, init) => {
      sent.push({ url: String(url), headers: Object.fromEntries(new Headers(init?.headers)) });
      return Promise.resolve(new Response('ok'));
    },
  );
  return { send, sent, secrets };
}

test('a function is asked for headers before each request, with the caller, and they are kept secret', async () => {
  let number = 0;
  const { send, sent, secrets } = recorded(({ user, context }) => {
    number += 1;
    return {
      authorization: `Bearer ${user} ${JSON.stringify(context)} ${number}`,
      'x-plan': 'pro',
    };
  });
  await send('https://mcp.example/mcp', { method: 'POST', headers: { accept: 'a/b' } });
  await send('https://mcp.example/mcp');

  expect(sent.map(({ headers }) => headers)).toEqual([
    { accept: 'a/b', authorization: 'Bearer ana {"tenant":"a"} 1', 'x-plan': 'pro' },
    { authorization: 'Bearer ana {"tenant":"a"} 2', 'x-plan': 'pro' },
  ]);
  expect(secrets).toEqual(['Bearer ana {"tenant":"a"} 1', 'Bearer ana {"tenant":"a"} 2']);
});

test("an OAuth provider's token takes precedence", async () => {
  const { send, sent, secrets } = recorded({ authorization: 'Bearer of the option' });
  await send('https://mcp.example/mcp', { headers: { authorization: 'Bearer of the provider' } });
  expect(sent[0]?.headers).toEqual({ authorization: 'Bearer of the provider' });
  expect(secrets).toEqual(['Bearer of the provider']);
});

test('no other server gets the headers', async () => {
  const { send, sent } = recorded({ authorization: 'Bearer mine' });
  await send('https://1.1.1.1/token');
  expect(sent).toEqual([{ url: 'https://1.1.1.1/token', headers: {} }]);
});

test.for([
  ['https://169.254.169.254/latest', 'a private address'],
  ['https://[::1]/token', 'a private address'],
  ['https://localhost/token', 'a private address'],
  ['http://1.1.1.1/token', 'without https'],
] as const)('a server cannot make the worker ask %s', async ([url, why]) => {
  const { send, sent } = recorded(undefined);
  await expect(send(url)).rejects.toThrow(why);
  expect(sent).toEqual([]);
});

test('an answer without an end ends with an error', async () => {
  const piece = new Uint8Array(1024 * 1024);
  const send = fetchFor(
    { type: 'http', url: 'https://mcp.example/mcp' },
    { agent: 'clerk', context: undefined },
    { secret: () => undefined },
    () =>
      Promise.resolve(
        new Response(new ReadableStream({ pull: (controller) => controller.enqueue(piece) })),
      ),
  );
  const response = await send('https://mcp.example/mcp', { method: 'POST' });
  await expect(response.arrayBuffer()).rejects.toThrow('the answer has more than 67108864 bytes');
});

test('a server of the older revision learns that nobody answers questions, since it would ask while its call runs', async () => {
  const initialized: unknown[] = [];
  const http = createServer((request, response) => {
    // A stream of the server's is asked for without a body.
    const body = json(request).catch(() => ({}));
    void body.then((given) => {
      const { id, method, params } = given as Record<string, unknown>;
      if (method === 'initialize') initialized.push(params);
      const results: Record<string, object> = {
        initialize: {
          protocolVersion: '2025-11-25',
          capabilities: { tools: {} },
          serverInfo: { name: 'old', version: '1' },
        },
        'tools/list': { tools: [] },
      };
      const result = results[String(method)];
      // 202 for a notification, and 400 for what this revision does not know.
      const status = String(method).startsWith('notifications/') ? 202 : 400;
      response.writeHead(result === undefined ? status : 200, {
        'content-type': 'application/json',
      });
      response.end(result && JSON.stringify({ jsonrpc: '2.0', id, result }));
    });
  });
  await once(http.listen(0, '127.0.0.1'), 'listening');
  onTestFinished(() => void http.close());
  const { port } = http.address() as AddressInfo;
  const connections = new Connections({
    name: 'old',
    transport: { type: 'http', url: `http://127.0.0.1:${port}/mcp` },
    timeout: 10_000,
    ttl: 10_000,
    protocol: 'auto',
    worker: { secret: () => undefined, log: () => undefined },
  });
  const caller = { agent: 'clerk', context: undefined };
  expect(await connections.list(caller, new AbortController().signal)).toEqual([]);
  await connections.close();

  expect(initialized).toMatchObject([{ protocolVersion: '2025-11-25', capabilities: {} }]);
  expect(initialized[0]).not.toHaveProperty('capabilities.elicitation');
});
