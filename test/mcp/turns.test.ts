import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, inject, onTestFinished, test } from 'vitest';
import type { McpServerOptions } from '../../mcp/index.ts';
import { mcpServer } from '../../mcp/index.ts';
import { directoryStorage } from '../../storage/index.ts';
import type { McpServerScript, ScriptedMcpServer } from '../../testing/mcp-server.ts';
import { startMcpServer } from '../../testing/mcp-server.ts';
import type { ScriptedCalls } from '../../testing/replies.ts';
import { callTools, say } from '../../testing/replies.ts';
import { conversation } from '../../testing/script.ts';
import { waitingCalls } from '../fixtures/approvals-agent.ts';
import { eventsOf } from '../fixtures/history.ts';
import { Intervals } from '../fixtures/intervals.ts';
import { startPlait } from '../fixtures/plait.ts';
import { agentWith, reader } from '../fixtures/tools.ts';
import { until } from '../fixtures/until.ts';
import { answers } from '../fixtures/waiting-turns.ts';

const readOnly = { readOnlyHint: true };

async function serving(script: McpServerScript): Promise<ScriptedMcpServer> {
  const server = await startMcpServer(script);
  onTestFinished(() => server.close().catch(() => undefined));
  return server;
}

/** With quick retries. */
function declared(
  { transport }: Pick<ScriptedMcpServer, 'transport'>,
  options: Partial<McpServerOptions> = {},
) {
  return mcpServer({
    name: 'desk',
    transport,
    ...options,
    activity: { heartbeatTimeout: '1m', retry: { initialInterval: '10ms' }, ...options.activity },
  });
}

type Tools = Parameters<typeof agentWith>[0];
type Environment = Partial<Parameters<typeof startPlait>[0]>;

/** One turn whose model makes these calls, and then stops. */
async function turnOf(tools: Tools, calls: ScriptedCalls, environment: Environment = {}) {
  const agent = agentWith(tools);
  const script = conversation('go', [callTools(calls), say('Done.')]);
  await using plait = await startPlait({ agents: [agent], script, ...environment });
  const turn = await plait.agents.start(agent, 'go');
  const result = await turn.result();
  const scheduled = await eventsOf(turn, 'activityTaskScheduledEventAttributes');
  const { requests } = plait.model;
  return { result, scheduled, requests, texts: answers(result).map(({ text }) => text) };
}

async function storageOfTest() {
  const folder = await mkdtemp(join(tmpdir(), 'plait-mcp-'));
  onTestFinished(() => rm(folder, { recursive: true }));
  return directoryStorage(folder);
}

describe.each(['legacy', 'modern'] as const)('a server of the %s era', (era) => {
  test('is listed once for a turn, and each call of its tools is an activity with the name of both', async () => {
    const desk = await serving({
      era,
      tools: {
        greet: {
          description: 'Greets.',
          inputSchema: {
            type: 'object',
            properties: { name: { type: 'string' } },
            required: ['name'],
          },
          annotations: readOnly,
          run: ({ name }) => `Hello ${String(name)}`,
        },
      },
    });
    const agent = agentWith([declared(desk), reader('own', () => 'mine')]);
    const script = conversation('go', [
      callTools([
        ['desk__greet', { name: 'Ada' }],
        ['desk__greet', { name: 7 }],
        ['own', {}],
      ]),
      callTools([['desk__greet', { name: 'Bob' }]]),
      say('Done.'),
    ]);
    await using plait = await startPlait({ agents: [agent], script });
    const turn = await plait.agents.start(agent, 'go');
    const result = await turn.result();

    expect(answers(result).map(({ text }) => text)).toEqual([
      'Hello Ada',
      expect.stringContaining('does not match the schema of desk__greet'),
      'mine',
    ]);
    expect(desk.lists).toBe(1);
    expect(desk.calls.map(({ input }) => input)).toEqual([{ name: 'Ada' }, { name: 'Bob' }]);
    const scheduled = await eventsOf(turn, 'activityTaskScheduledEventAttributes');
    expect(scheduled.find(({ type }) => type === 'desk__greet')?.summary).toBe(
      'round 1 · name: Ada',
    );
    const [first, second] = plait.model.requests.map(({ body }) => body?.tools);
    expect(first).toMatchObject([
      { name: 'own' },
      { name: 'desk__greet', description: 'Greets.', input_schema: { required: ['name'] } },
    ]);
    expect(second).toEqual(first);
  });

  test('gets the key of the call, and learns that it is cancelled', async () => {
    let aborted = false;
    const desk = await serving({
      era,
      tools: {
        wait: {
          run: async (_, { signal }) => {
            signal.addEventListener('abort', () => (aborted = true));
            await new Promise(() => undefined);
          },
        },
      },
    });
    const agent = agentWith([declared(desk)]);
    const script = conversation('go', [callTools({ desk__wait: {} }), say('Done.')]);
    await using plait = await startPlait({ agents: [agent], script });
    const turn = await plait.agents.start(agent, 'go');
    await until(() => desk.calls.length === 1);
    await turn.cancel();
    const { calls } = await turn.result();

    expect(calls[0]?.outcome).toBe('cancelled');
    expect(desk.calls[0]?.meta['io.github.plait-agents/idempotencyKey']).toMatch(/^[0-9a-f]{64}$/);
    // The scripted server of the older era has no session, and so no way to find the call.
    if (era === 'modern') await until(() => aborted);
  });

  test('that breaks off during a call leaves it unknown, or has it repeated if that does no harm', async () => {
    let reads = 0;
    const desk = await serving({
      era,
      tools: {
        write: {
          run: async (_, { dropConnections, progress }) => {
            // So that the answer has begun.
            await progress(1);
            dropConnections();
            await sleep(100_000, undefined, { ref: false });
          },
        },
        read: {
          annotations: readOnly,
          run: async (_, { dropConnections }) => {
            reads += 1;
            if (reads > 1) return 'read';
            dropConnections();
            return await sleep(100_000, undefined, { ref: false });
          },
        },
      },
    });
    const written = await turnOf([declared(desk)], { desk__write: {} });
    expect(written.result.calls[0]).toMatchObject({ outcome: 'unknown', attempts: 1 });
    expect(written.texts[0]).toMatch(
      /^The connection to the server desk was lost while the tool ran: .* It may or may not have taken effect/,
    );
    const read = await turnOf([declared(desk)], { desk__read: {} });
    expect(read.result.calls[0]).toMatchObject({ outcome: 'succeeded', attempts: 2 });
  });

  test('may be silent for as long as it is allowed to, and longer if it reports progress', async () => {
    const desk = await serving({
      era,
      tools: {
        hang: { run: () => new Promise(() => undefined) },
        work: {
          run: async (_, { progress }) => {
            for (let step = 1; step <= 8; step++) {
              await sleep(500);
              await progress(step, 8, 'working');
            }
            return 'worked';
          },
        },
      },
    });
    const tools = [declared(desk, { timeout: '2s', tools: { work: { access: {} } } })];
    const { result, texts } = await turnOf(tools, { desk__hang: {}, desk__work: {} });
    expect(result.calls.map(({ outcome }) => outcome)).toEqual(['timedOut', 'succeeded']);
    expect(texts).toEqual([
      'Timed out: the server desk neither answered nor reported progress for 2 s. It may or may not have taken effect; check before calling it again.',
      'worked',
    ]);
  });
});

describe('calls of one server', () => {
  test('run in call order if they write or do not say, and beside those that read', async () => {
    const seen = new Intervals();
    const work = ({ name }: Record<string, unknown>) =>
      seen.work(String(name), 20, () => seen.began(...(name === 'w1' ? ['r1', 'r2'] : [])));
    const desk = await serving({
      tools: {
        write: { run: work },
        update: { run: work },
        read: { annotations: readOnly, run: work },
      },
    });
    const { result } = await turnOf(
      [declared(desk)],
      [
        ['desk__write', { name: 'w1' }],
        ['desk__read', { name: 'r1' }],
        ['desk__update', { name: 'w2' }],
        ['desk__read', { name: 'r2' }],
        ['desk__write', { name: 'w3' }],
      ],
    );
    expect(result.calls.every(({ outcome }) => outcome === 'succeeded')).toBe(true);
    expect(seen.names.filter((name) => name.startsWith('w'))).toEqual(['w1', 'w2', 'w3']);
    expect(seen.mostAtOnce('w')).toBe(1);
  });

  test('keep all of twenty notes in a process that would otherwise lose most of them', async () => {
    const notes = mcpServer({
      name: 'notes',
      transport: {
        type: 'stdio',
        command: process.execPath,
        args: [join(inject('compiled'), 'test/fixtures/mcp-stdio-main.js')],
      },
    });
    const written = Array.from({ length: 20 }, (_, i) => `note ${i}`);
    const agent = agentWith([notes]);
    const script = conversation('go', [
      callTools(written.map((note) => ['notes__keep', { note }] as const)),
      callTools({ notes__kept: {} }),
      say('Done.'),
    ]);
    await using plait = await startPlait({ agents: [agent], script });
    const { messages } = await plait.agents.execute(agent, 'go');
    expect(JSON.stringify(messages.at(-2)?.content)).toContain(
      JSON.stringify(JSON.stringify(written)).slice(1, -1),
    );
  });

  test('fail individually, with the words of the server and without what must stay secret', async () => {
    const desk = await serving({
      tools: {
        refuse: {
          run: () => ({ content: [{ type: 'text', text: 'no such row' }], isError: true }),
        },
        lie: {
          annotations: readOnly,
          outputSchema: { type: 'object', properties: { n: { type: 'number' } } },
          run: () => ({ content: [], structuredContent: { n: 'seven' } }),
        },
        show: {
          annotations: readOnly,
          outputSchema: { type: 'object', properties: { n: { type: 'number' } } },
          run: () => ({ content: [], structuredContent: { n: 7 } }),
        },
        flood: { annotations: readOnly, run: () => 'x'.repeat(30_000_000) },
      },
    });
    const { result, texts } = await turnOf([declared(desk)], {
      desk__refuse: {},
      desk__lie: {},
      desk__show: {},
      desk__flood: {},
    });
    expect(result.calls.map(({ outcome }) => outcome)).toEqual([
      'failed',
      'failed',
      'succeeded',
      'failed',
    ]);
    expect(texts).toEqual([
      'no such row',
      'The tool ran, but its result does not match its outputSchema: result/n must be number',
      '{"n":7}',
      expect.stringContaining('is above the limit of 25000000'),
    ]);
  });

  test('wait for a person if the declaration says so, and the person may change the input', async () => {
    const desk = await serving({
      tools: { write: { run: ({ text }) => `wrote ${String(text)}` } },
    });
    const agent = agentWith([declared(desk, { tools: { write: { approval: 'always' } } })]);
    const script = conversation('go', [
      callTools([['desk__write', { text: 'a' }, 'toolu_write']]),
      say('Done.'),
    ]);
    await using plait = await startPlait({ agents: [agent], script });
    const turn = await plait.agents.start(agent, 'go');
    await waitingCalls(turn, 1);
    expect(desk.calls).toEqual([]);
    await turn.approve('toolu_write', { by: 'ana', input: { text: 'b' } });
    const result = await turn.result();
    expect(result.calls[0]?.outcome).toBe('succeeded');
    expect(desk.calls.map(({ input }) => input)).toEqual([{ text: 'b' }]);
  });
});

/** Where no server listens any more. */
async function away() {
  const server = await startMcpServer({ tools: {} });
  await server.close();
  return server.transport;
}

const secretOf = (tenant: string) => `secret-of-${tenant}-0123456789`;

describe('a turn that begins', () => {
  test('goes on without the tools of a server that is away, and tells the model', async () => {
    const desk = await serving({ tools: { read: { annotations: readOnly, run: () => 'read' } } });
    const gone = mcpServer({ name: 'gone', transport: await away() });
    const { texts, requests } = await turnOf([gone, declared(desk)], { desk__read: {} });
    expect(texts).toEqual(['read']);
    expect(requests[0]?.body?.tools).toHaveLength(1);
    expect(JSON.stringify(requests[0]?.body?.system)).toContain(
      'The tools of the server gone are not available in this conversation',
    );
  });

  test('fails without a server that it needs, and says why', async () => {
    const gone = mcpServer({ name: 'gone', transport: await away(), onUnavailable: 'fail' });
    const agent = agentWith([gone]);
    await using plait = await startPlait({
      agents: [agent],
      script: conversation('go', [say('.')]),
    });
    await expect(plait.agents.execute(agent, 'go')).rejects.toThrow(
      /The MCP server gone cannot be reached: .*ECONNREFUSED/,
    );
    expect(plait.model.requests).toEqual([]);
  });

  test('has the tools that the server lists then, and keeps them', async () => {
    const read = { annotations: readOnly, run: () => 'read' };
    const desk = await serving({ tools: { read } });
    const agent = agentWith([declared(desk)]);
    const script = conversation('go', [callTools({ desk__read: {} }), say('Done.')]);
    await using plait = await startPlait({ agents: [agent], script });
    await plait.agents.execute(agent, 'go');
    desk.setTools({ read, write: read });
    await plait.agents.execute(agent, 'go');

    const listed = plait.model.requests.map(({ body }) => body?.tools?.length);
    expect(listed).toEqual([1, 1, 2, 2]);
  });

  test('takes five hundred tools from a server', async () => {
    const many = Object.fromEntries(
      Array.from({ length: 500 }, (_, i) => [
        `tool_${i}`,
        {
          description: `The tool number ${i}. ${'It does what its name says. '.repeat(5)}`,
          inputSchema: {
            type: 'object',
            properties: { a: { type: 'string' }, b: { type: 'integer' } },
          },
          annotations: readOnly,
          run: () => `ran ${i}`,
        },
      ]),
    );
    const desk = await serving({ tools: many });
    const calls = [7, 77, 477].map((i) => [`desk__tool_${i}`, { b: i }] as const);
    const inline = await turnOf([declared(desk)], calls);
    expect(inline.texts).toEqual(['ran 7', 'ran 77', 'ran 477']);
    const stored = await turnOf([declared(desk)], calls, { storage: await storageOfTest() });
    expect(stored.texts).toEqual(inline.texts);
  });

  test('for another tenant gets another list, and none of its headers are kept', async () => {
    const seen: unknown[] = [];
    const desk = await serving({
      tools: {
        whoami: {
          annotations: readOnly,
          run: () => `you sent ${desk.calls.at(-1)?.headers['authorization']}`,
        },
      },
    });
    const agent = agentWith([
      mcpServer<{ tenant: string }>({
        name: 'desk',
        transport: {
          ...desk.transport,
          headers: ({ context, user }) => {
            seen.push(user);
            return { authorization: `Bearer ${secretOf(context.tenant)}` };
          },
        },
      }),
    ]);
    const script = conversation('go', [callTools({ desk__whoami: {} }), say('Done.')]);
    await using plait = await startPlait({ agents: [agent], script });
    for (const tenant of ['a', 'b', 'a']) {
      const turn = await plait.agents.start(agent, 'go', { context: { tenant }, user: 'ana' });
      const result = await turn.result();
      expect(result.calls[0]?.outcome).toBe('succeeded');
      const history = JSON.stringify(await turn.workflow.fetchHistory());
      expect(history + JSON.stringify(result)).not.toContain(secretOf(tenant));
    }
    expect(new Set(seen)).toEqual(new Set(['ana']));
    const sent = desk.calls.map(({ headers }) => headers['authorization']);
    expect(sent).toEqual(['a', 'b', 'a'].map((tenant) => `Bearer ${secretOf(tenant)}`));
  });
});

test('a turn that continues as new, and a session, keep the tools that they began with', async () => {
  const desk = await serving({
    tools: { add: { run: ({ n }) => `added ${String(n)}` } },
  });
  const agent = agentWith([declared(desk)], { historyEvents: 20 });
  const rounds = Array.from({ length: 6 }, (_, n) => callTools([['desk__add', { n }]]));
  const script = conversation('go', [...rounds, say('Done.')]);
  const storage = await storageOfTest();
  await using plait = await startPlait({ agents: [agent], script, storage });
  const turn = await plait.agents.start(agent, 'go');
  const result = await turn.result();
  expect(result.calls.map(({ outcome }) => outcome)).toEqual(Array(6).fill('succeeded'));
  expect(desk.calls).toHaveLength(6);
  expect(desk.lists).toBe(1);
});
