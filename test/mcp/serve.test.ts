import type { RequestListener } from 'node:http';
import { createServer } from 'node:http';
import { join } from 'node:path';
import type { CallToolResult } from '@modelcontextprotocol/client';
import { Client, StreamableHTTPClientTransport } from '@modelcontextprotocol/client';
import { StdioClientTransport } from '@modelcontextprotocol/client/stdio';
import { toNodeHandler } from '@modelcontextprotocol/node';
import { afterAll, beforeAll, describe, expect, inject, onTestFinished, test } from 'vitest';
import type { McpHandlerOptions } from '../../mcp/index.ts';
import { mcpHandler } from '../../mcp/index.ts';
import type { TestEnvironment } from '../../testing/environment.ts';
import { waitingCalls } from '../fixtures/approvals-agent.ts';
import { onLoopback } from '../fixtures/loopback.ts';
import { adder, deskScript, greeter, payer, TOTAL } from '../fixtures/mcp-agents.ts';
import { startPlait } from '../fixtures/plait.ts';
import { until } from '../fixtures/until.ts';

const agents = [greeter, adder, payer];
let plait: TestEnvironment;

beforeAll(async () => {
  plait = await startPlait({
    agents,
    script: deskScript,
    // Of the command line there is no proof.
    authorizeDecision: ({ by, proof }) =>
      by === 'Ada' || proof === `signed by ${by}` || 'It is not signed.',
  });
});

afterAll(() => plait.close());

type Era = 'legacy' | 'modern';

const negotiation = (era: Era) => ({
  versionNegotiation: { mode: era === 'modern' ? { pin: '2026-07-28' } : ('legacy' as const) },
});

/** Who a request comes from stands in its `authorization`. */
const authorize: McpHandlerOptions['authorize'] = ({ headers }) => {
  const user = headers.get('authorization');
  if (user === null) return undefined;
  const proof = `signed by ${user}`;
  return { user, context: { tenant: `of ${user}` }, decides: user !== 'guest', proof };
};

async function serve(options: Partial<McpHandlerOptions> = {}) {
  const errors: unknown[] = [];
  const handler = await mcpHandler({
    client: plait.agents,
    agents,
    authorize,
    // What is answered sooner is answered for another reason, also on a busy machine.
    answerWithin: '5m',
    onError: (error) => errors.push(error),
    ...options,
  });
  const server = await onLoopback(createServer(toNodeHandler(handler) as RequestListener));
  onTestFinished(async () => {
    await handler.close();
    await server[Symbol.asyncDispose]();
  });
  return { ...server, handler, errors };
}

async function connect(url: string, user: string, era: Era = 'modern'): Promise<Client> {
  const client = new Client({ name: 'test', version: '1' }, negotiation(era));
  const requestInit = { headers: { authorization: user } };
  await client.connect(new StreamableHTTPClientTransport(new URL(url), { requestInit }));
  onTestFinished(() => client.close());
  return client;
}

type Options = Parameters<Client['callTool']>[1];

async function call(client: Client, name: string, input: object, options?: Options) {
  const params = { name, arguments: input as Record<string, unknown> };
  const result = await client.callTool(params, options);
  const [block] = result.content;
  const text = block?.type === 'text' ? block.text : '';
  return { ...result, text, data: result.structuredContent as Record<string, unknown> };
}

const turnOf = ({ _meta }: Pick<CallToolResult, '_meta'>) =>
  plait.agents.getTurn(String(_meta?.['io.github.plait-agents/turnId']));

/** The id of the only turn of this user that runs, as soon as there is one. */
async function runningTurn(user: string): Promise<string> {
  return await until(async () => {
    // By user, for a list decodes what it finds, and other tests encode theirs.
    for await (const { turnId } of plait.agents.listTurns({ user, status: 'running' })) {
      return turnId;
    }
    return '';
  });
}

describe.each<Era>(['legacy', 'modern'])('over HTTP, a client of the %s era', (era) => {
  test('finds each agent as a tool, and gets its answer from a turn with the authorised identity', async () => {
    const { url } = await serve();
    const client = await connect(url, `ada-${era}`, era);
    const { tools } = await client.listTools();

    expect(tools.map(({ name }) => name)).toEqual([
      'front_desk',
      'adder',
      'cashier',
      'turn_start',
      'turn_result',
      'turn_approvals',
      'turn_cancel',
      'session_send',
      'turn_approve',
      'turn_deny',
    ]);
    expect(tools[0]).toMatchObject({
      description: 'Greets people.',
      inputSchema: { properties: { prompt: { type: 'string' } }, required: ['prompt'] },
    });
    expect(await call(client, 'front_desk', { prompt: 'hello' })).toMatchObject({ text: 'Hello!' });

    const who = await call(client, 'front_desk', { prompt: 'who' });
    const { messages } = await turnOf(who).result();
    expect(JSON.stringify(messages)).toContain(
      JSON.stringify(
        JSON.stringify({ user: `ada-${era}`, context: { tenant: `of ada-${era}` } }),
      ).slice(1, -1),
    );
  });

  test('gets a structured answer that matches the schema of its tool', async () => {
    const { url } = await serve();
    const client = await connect(url, 'ada', era);
    await client.listTools();
    const answer = await call(client, 'adder', { prompt: 'add' });

    expect(answer.structuredContent).toEqual(TOTAL);
    expect(JSON.parse(answer.text)).toEqual(TOTAL);
  });

  test('gets the id of a turn that waits for a person, sees and decides its calls, and waits for its end', async () => {
    const { url } = await serve();
    const client = await connect(url, 'ada', era);
    const progress: string[] = [];
    const begun = await call(
      client,
      'cashier',
      { prompt: 'two' },
      { onprogress: ({ message = '' }) => progress.push(message) },
    );
    const { turnId } = begun.data;

    expect(begun.data).toMatchObject({ status: 'running' });
    expect(begun.text).toContain(`Turn ${String(turnId)} waits for a person`);
    expect(progress[0]).toBe(`turn ${String(turnId)}`);

    const { data } = await call(client, 'turn_approvals', { turnId });
    const calls = data['calls'] as { callId: string; tool: string; input: object }[];
    expect(calls).toMatchObject([
      { tool: 'refund', input: { order: 'A-17', cents: 12_000 } },
      { tool: 'refund', input: { order: 'B-4', cents: 50 } },
    ]);
    const [first, second] = calls.map(({ callId }) => callId);
    await call(client, 'turn_approve', { turnId, callId: first, reason: 'checked' });
    await call(client, 'turn_deny', { turnId, callId: second, reason: 'too much' });
    expect(await call(client, 'turn_result', { turnId })).toMatchObject({ text: 'Done.' });

    const result = await plait.agents.getTurn(String(turnId)).result();
    expect(result.calls.map(({ approval }) => approval)).toMatchObject([
      { decision: 'approved', by: 'ada', reason: 'checked' },
      { decision: 'denied', by: 'ada', reason: 'too much' },
    ]);
    // What is decided is decided, and the caller reads why nothing changed.
    expect(await call(client, 'turn_approve', { turnId, callId: second })).toMatchObject({
      isError: true,
      text: expect.stringContaining('was not approved') as string,
    });
  });
});

test('a turn that takes longer goes on by itself, and its id leads to its answer', async () => {
  const { url } = await serve({ answerWithin: 1 });
  const client = await connect(url, 'ada');
  await client.listTools();
  const begun = await call(client, 'adder', { prompt: 'add' });
  const { turnId } = begun.data;

  expect(begun.text).toContain('has not ended yet, and goes on by itself');
  const { stopReason } = await plait.agents.getTurn(String(turnId)).result();
  expect(stopReason).toBe('end_turn');
  const patient = await connect((await serve()).url, 'ada');
  expect((await call(patient, 'turn_result', { turnId })).structuredContent).toEqual(TOTAL);
});

test('a conversation goes on under its session id', async () => {
  const { url } = await serve();
  const client = await connect(url, 'ada');
  const first = await call(client, 'session_send', { agent: 'front.desk', message: 'hello' });
  const [, sessionId] = /\[session (.+)\]$/.exec(first.text) ?? [];
  const input = { agent: 'front.desk', message: 'and again', sessionId };
  const second = await call(client, 'session_send', input);

  expect(second.text).toContain('Hello again!');
  const { total } = await plait.agents.getSession(String(sessionId)).transcript();
  expect(total).toBe(4);
  const other = await connect(url, 'eve');
  expect(await call(other, 'session_send', input)).toMatchObject({
    isError: true,
    text: `There is no session ${String(sessionId)}.`,
  });
});

test('a caller reaches neither turns of another caller nor those of an agent that is not served', async () => {
  const { url } = await serve();
  const [ada, eve] = [await connect(url, 'ada'), await connect(url, 'eve')];
  const { data } = await call(ada, 'turn_start', { agent: 'cashier', prompt: 'one' });
  const turnId = String(data['turnId']);
  const [{ callId } = { callId: '' }] = await waitingCalls(plait.agents.getTurn(turnId), 1);
  const inputs = Object.entries({
    turn_result: { turnId },
    turn_approvals: { turnId },
    turn_approve: { turnId, callId },
    turn_deny: { turnId, callId },
    turn_cancel: { turnId },
  });
  for (const [tool, input] of inputs) {
    expect(await call(eve, tool, input)).toMatchObject({
      isError: true,
      text: `There is no turn ${turnId}.`,
    });
  }
  // As of one that does not exist.
  expect(await call(eve, 'turn_result', { turnId: 'none' })).toMatchObject({
    isError: true,
    text: 'There is no turn none.',
  });
  const narrow = await connect((await serve({ agents: [greeter] })).url, 'ada');
  expect(await call(narrow, 'turn_cancel', { turnId })).toMatchObject({ isError: true });
  expect(await plait.agents.getTurn(turnId).approvals()).toHaveLength(1);

  const guest = await connect(url, 'guest');
  const names = (await guest.listTools()).tools.map(({ name }) => name);
  expect(names).not.toContain('turn_approve');
  expect(names).not.toContain('turn_deny');

  await call(ada, 'turn_cancel', { turnId });
  expect(await call(ada, 'turn_result', { turnId })).toMatchObject({ isError: true });
  expect((await plait.agents.getTurn(turnId).result()).stopReason).toBe('cancelled');
});

test('a client that gives up a call cancels its turn, unless it has a key to find the turn again', async () => {
  const { url } = await serve();
  const client = await connect(url, 'bob');
  const giveUp = new AbortController();
  const given = call(client, 'front_desk', { prompt: 'hang' }, { signal: giveUp.signal });
  const turn = plait.agents.getTurn(await runningTurn('bob'));
  giveUp.abort();
  await expect(given).rejects.toThrow();
  expect((await turn.result()).stopReason).toBe('cancelled');

  const leave = new AbortController();
  const meta = { _meta: { 'io.github.plait-agents/idempotencyKey': 'call 1' } };
  const params = { name: 'front_desk', arguments: { prompt: 'hang' }, ...meta };
  const patient = await connect(url, 'ben');
  const left = patient.callTool(params, { signal: leave.signal });
  const turnId = await runningTurn('ben');
  leave.abort();
  await expect(left).rejects.toThrow();
  const impatient = await connect((await serve({ answerWithin: 1 })).url, 'ben');
  const again = await impatient.callTool(params);
  expect(again.structuredContent).toMatchObject({ turnId, status: 'running' });
  // The same key of somebody else is another call.
  const other = await connect(url, 'carol');
  expect((await other.callTool({ ...params, arguments: { prompt: 'hello' } })).isError).not.toBe(
    true,
  );
  await plait.agents.getTurn(turnId).cancel();
});

test('in the older revision a request has no session, so only its end gives up a call', async () => {
  const { url } = await serve();
  const client = await connect(url, 'flo', 'legacy');
  const given = call(client, 'front_desk', { prompt: 'hang' });
  const turn = plait.agents.getTurn(await runningTurn('flo'));
  await client.close();
  await expect(given).rejects.toThrow();
  expect((await turn.result()).stopReason).toBe('cancelled');
});

test('a server that ends leaves its turns running', async () => {
  const { url, handler } = await serve();
  const client = await connect(url, 'dora');
  const waits = call(client, 'front_desk', { prompt: 'hang' });
  const turn = plait.agents.getTurn(await runningTurn('dora'));
  await handler.close();
  await expect(waits).rejects.toThrow();
  expect((await turn.describe()).status).toBe('RUNNING');
  await turn.cancel();
  expect((await turn.result()).stopReason).toBe('cancelled');
});

test('a failure is a result in words, and only a fault of the protocol is a protocol error', async () => {
  const { url } = await serve();
  const client = await connect(url, 'ada');
  expect(await call(client, 'front_desk', { prompt: 'refuse' })).toMatchObject({
    isError: true,
    text: 'Agent front.desk declined to answer: Not that.',
  });
  expect(await call(client, 'front_desk', { prompt: ' ' })).toMatchObject({ isError: true });
  expect(await call(client, 'turn_start', { agent: 'nobody', prompt: 'x' })).toMatchObject({
    isError: true,
    text: expect.stringContaining('agent') as string,
  });
  await expect(call(client, 'no_such_tool', {})).rejects.toThrow('no_such_tool');
  await expect(
    fetch(url, { method: 'POST', headers: { authorization: 'ada' }, body: '{' }),
  ).resolves.toMatchObject({ status: 415 });
});

const main = join(inject('compiled'), 'cli/main.js');
const module = join(inject('compiled'), 'test/fixtures/mcp-agents.js');

describe.each<Era>(['legacy', 'modern'])('plait mcp, with a client of the %s era', (era) => {
  test('uses standard output for the protocol only, and cancels the turns of its calls when its input ends', async () => {
    const options = `-q ${plait.taskQueue} --by Ada --user stdio-${era} --answer-within 5m`;
    const transport = new StdioClientTransport({
      command: process.execPath,
      args: [main, 'mcp', module, ...options.split(' ')],
      env: { TEMPORAL_ADDRESS: inject('temporalAddress') },
      stderr: 'pipe',
    });
    let said = '';
    transport.stderr?.on('data', (data: Buffer) => (said += data.toString()));
    const problems: unknown[] = [];
    const client = new Client({ name: 'test', version: '1' }, negotiation(era));
    // oxlint-disable-next-line unicorn/prefer-add-event-listener -- not an EventTarget
    client.onerror = (error) => problems.push(error);
    await client.connect(transport);
    onTestFinished(() => client.close());

    expect((await client.listTools()).tools.map(({ name }) => name)).toContain('front_desk');
    expect(await call(client, 'front_desk', { prompt: 'hello' })).toMatchObject({ text: 'Hello!' });
    const { data } = await call(client, 'cashier', { prompt: 'one' });
    const turn = plait.agents.getTurn(String(data['turnId']));
    const [{ callId } = { callId: '' }] = await turn.approvals();
    await call(client, 'turn_approve', { turnId: turn.turnId, callId });
    expect(await call(client, 'turn_result', { turnId: turn.turnId })).toMatchObject({
      text: 'Done.',
    });
    expect((await turn.result()).calls[0]?.approval).toMatchObject({ by: 'Ada' });

    const waits = call(client, 'front_desk', { prompt: 'hang' });
    const hanging = plait.agents.getTurn(await runningTurn(`stdio-${era}`));
    await client.close();
    await expect(waits).rejects.toThrow();
    expect((await hanging.result()).stopReason).toBe('cancelled');
    expect(problems).toEqual([]);
    expect(said).toContain('agents are loaded');
  });
});
