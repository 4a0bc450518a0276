import { Client, StreamableHTTPClientTransport } from '@modelcontextprotocol/client';
import { expect, onTestFinished, test } from 'vitest';
import packageJson from '../../package.json' with { type: 'json' };
import type { AgentClient } from '../../client/index.ts';
import { TemporalUnavailableError } from '../../client/index.ts';
import { defineAgent } from '../../index.ts';
import { IMPLEMENTATION } from '../../mcp/implementation.ts';
import type { McpHandlerOptions } from '../../mcp/index.ts';
import { mcpHandler } from '../../mcp/index.ts';

const agent = (name: string) => defineAgent({ name, model: 'claude-opus-5-5' });

const away = {
  start: () =>
    Promise.reject(new TemporalUnavailableError('No Temporal server answers at 10.0.0.7:7233.')),
} as unknown as AgentClient;

async function handlerWith(options: Partial<McpHandlerOptions>) {
  const errors: unknown[] = [];
  const handler = await mcpHandler({
    client: away,
    agents: [agent('desk')],
    authorize: () => ({ user: 'ada' }),
    onError: (error) => errors.push(error),
    ...options,
  });
  onTestFinished(() => handler.close());
  return { ...handler, errors };
}

test.each<[string, Partial<McpHandlerOptions>, string]>([
  ['no authorize', { authorize: undefined as never }, 'without it anybody could start turns'],
  ['no agents', { agents: [] }, 'agents must not be empty'],
  ['no agent', { agents: [{} as never] }, 'must come from defineAgent'],
  ['no client', { client: {} as never }, 'client must be an AgentClient'],
  ['two tools of one name', { agents: [agent('a.b'), agent('a_b')] }, 'the tool a_b'],
  ['an agent named as a control', { agents: [agent('turn_start')] }, 'the tool turn_start'],
])('a handler with %s does not start', async (_, options, problem) => {
  await expect(handlerWith(options)).rejects.toThrow(problem);
});

test('no request is answered before it is authorised', async () => {
  const { fetch, errors } = await handlerWith({
    authorize: ({ headers }) => {
      if (headers.has('x-own')) return new Response('mine', { status: 418 });
      if (headers.has('x-throw')) throw new Error('the directory is away');
      return headers.has('x-wrong') ? { user: '' } : undefined;
    },
  });
  const post = async (headers: Record<string, string>) => {
    const request = new Request('http://desk/mcp', { method: 'POST', headers, body: '{}' });
    const response = await fetch(request);
    return { status: response.status, text: await response.text() };
  };
  const unknown = await post({});
  expect(unknown.status).toBe(401);
  expect(unknown.text).toContain('does not know who you are');
  expect(await post({ 'x-own': '1' })).toEqual({ status: 418, text: 'mine' });
  const thrown = await post({ 'x-throw': '1' });
  expect(thrown.status).toBe(500);
  expect(thrown.text).not.toContain('directory');
  expect((await post({ 'x-wrong': '1' })).status).toBe(500);
  expect(errors.map(String)).toEqual([
    'Error: the directory is away',
    expect.stringContaining('user is empty'),
  ]);
});

test('if Temporal does not answer, the caller learns only that, and the operator everything', async () => {
  const { fetch, errors } = await handlerWith({});
  const client = new Client(
    { name: 'test', version: '1' },
    { versionNegotiation: { mode: { pin: '2026-07-28' } } },
  );
  await client.connect(
    new StreamableHTTPClientTransport(new URL('http://desk/mcp'), {
      fetch: (url, init) => fetch(new Request(url, init)),
    }),
  );
  onTestFinished(() => client.close());
  const result = await client.callTool({ name: 'desk', arguments: { prompt: 'hello' } });

  expect(result).toMatchObject({
    isError: true,
    content: [
      {
        text: 'The agents cannot be reached at the moment (TEMPORAL_UNAVAILABLE). Try again later.',
      },
    ],
  });
  expect(errors.map(String)).toEqual([expect.stringContaining('10.0.0.7:7233')]);
});

test('Plait names itself with the version of the package', () => {
  expect(IMPLEMENTATION.version).toBe(packageJson.version);
});
