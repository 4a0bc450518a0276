import { randomUUID } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { z } from 'zod';
import { defineAgent, defineTool } from '../../index.ts';
import type { AgentOptions, Tool } from '../../index.ts';
import type { MessageReply } from '../../testing/messages/reply.ts';
import { callTools, reply, say, stopWith } from '../../testing/replies.ts';
import { conversation, script } from '../../testing/script.ts';
import { Door } from '../fixtures/door.ts';
import { startPlait } from '../fixtures/plait.ts';
import { handedOn, newSessionId } from '../fixtures/sessions.ts';
import { imageBlock, png } from '../fixtures/images.ts';

const SEARCH = { type: 'web_search_20260318', name: 'web_search', max_uses: 3 } as const;
const CODE = { type: 'code_execution_20260120', name: 'code_execution' } as const;

const look = defineTool({
  name: 'look',
  description: 'Looks.',
  inputSchema: z.object({ at: z.number() }),
  annotations: { readOnlyHint: true },
  allowedCallers: ['direct', 'code_execution_20260120'],
  run: ({ at }) => (at === 9 ? [imageBlock(png())] : `at ${at}`),
});
const agentOf = (options: Partial<AgentOptions<unknown>>) =>
  defineAgent({
    name: 'searcher',
    model: 'claude-opus-5-5',
    serverTools: [SEARCH, CODE],
    ...options,
  });

const use = (name: 'web_search' | 'code_execution', id: string): MessageReply => ({
  content: [{ type: 'server_tool_use', id, name, input: { q: 1 }, caller: { type: 'direct' } }],
});
const found = (id: string): MessageReply => ({
  content: [
    { type: 'web_search_tool_result', tool_use_id: id, content: [], caller: { type: 'direct' } },
  ],
});
const ran = (id: string): MessageReply => ({
  content: [
    {
      type: 'code_execution_tool_result',
      tool_use_id: id,
      content: {
        type: 'code_execution_result',
        content: [],
        return_code: 0,
        stderr: '',
        stdout: 'done',
      },
    },
  ],
});
const byCode = (at: number, name = 'look'): MessageReply => ({
  content: [
    {
      type: 'tool_use',
      name,
      input: { at },
      caller: { type: 'code_execution_20260120', tool_id: 'srvtoolu_code' },
    },
  ],
});

test('tools of the API are in the request as they are declared, after the others', async () => {
  const agent = agentOf({ tools: [look] });
  await using plait = await startPlait({ agents: [agent], script: () => say('Hello.') });
  await plait.agents.execute(agent, 'go');
  expect(plait.model.requests[0]?.body?.tools).toEqual([look.spec, SEARCH, CODE]);
});

test('a reply with calls of both kinds is answered with results only, and goes on unchanged', async () => {
  const agent = agentOf({ tools: [look] });
  const both = reply(use('web_search', 'srvtoolu_1'), callTools({ look: { at: 1 } }));
  const usage = { server_tool_use: { web_search_requests: 1, web_fetch_requests: 0 } };
  await using plait = await startPlait({
    agents: [agent],
    script: conversation('go', [
      { ...both, usage },
      { ...reply(found('srvtoolu_1'), say('Seen and found.')), usage },
    ]),
  });
  const result = await plait.agents.execute(agent, 'go');
  expect(result).toMatchObject({
    stopReason: 'end_turn',
    text: 'Seen and found.',
    calls: [{ name: 'look', outcome: 'succeeded' }],
    usage: { server_tool_use: { web_search_requests: 2, web_fetch_requests: 0 } },
  });
  expect(result.messages[1]?.content).toMatchObject([
    { type: 'server_tool_use', id: 'srvtoolu_1', input: { q: 1 }, caller: { type: 'direct' } },
    { type: 'tool_use' },
  ]);
  expect(result.messages[2]?.content).toMatchObject([{ type: 'tool_result', content: 'at 1' }]);
});

describe('calls by code', () => {
  const container = { id: 'container_1', expires_at: new Date(Date.now() + 600_000).toISOString() };

  async function runCode(at: number, expiresAt = container.expires_at) {
    const agent = agentOf({ tools: [look] });
    await using plait = await startPlait({
      agents: [agent],
      script: conversation('go', [
        {
          ...reply(use('code_execution', 'srvtoolu_code'), byCode(at)),
          container: { ...container, expires_at: expiresAt },
        },
        reply(ran('srvtoolu_code'), say('Counted.')),
      ]),
    });
    const result = await plait.agents.execute(agent, 'go');
    return { result, sent: plait.model.requests.map(({ body }) => body?.container) };
  }

  test('are answered into the sandbox that waits for them', async () => {
    const { result, sent } = await runCode(1);
    expect(result).toMatchObject({ text: 'Counted.', calls: [{ outcome: 'succeeded' }] });
    expect(sent).toEqual([undefined, 'container_1']);
  });

  test('fail with a text if a result is not a text', async () => {
    const { result } = await runCode(9);
    expect(result.messages[2]?.content).toMatchObject([
      { is_error: true, content: expect.stringContaining('only be given text') as string },
    ]);
    expect(result.text).toBe('Counted.');
  });

  /** What code reads that calls this tool. */
  async function callByCode(tool: Tool) {
    const agent = agentOf({ tools: [look, tool] });
    await using plait = await startPlait({
      agents: [agent],
      script: conversation('go', [
        { ...reply(use('code_execution', 'srvtoolu_code'), byCode(1, tool.name)), container },
        reply(ran('srvtoolu_code'), say('Told.')),
      ]),
    });
    const { calls, messages, text } = await plait.agents.execute(agent, 'go');
    return { calls, text, answer: messages[2]?.content };
  }

  test('cannot be completed from outside, and their tool learns that before it has a token', async () => {
    const began: string[] = [];
    const parcel = defineTool({
      name: 'parcel',
      description: 'Waits for a parcel.',
      inputSchema: z.object({ at: z.number() }),
      annotations: { idempotentHint: true },
      allowedCallers: ['direct', 'code_execution_20260120'],
      run(_input, ctx) {
        began.push('run');
        const later = ctx.later();
        began.push(later.token);
        return later;
      },
    });
    const { calls, text, answer } = await callByCode(parcel);

    expect(began).toEqual(['run']);
    expect(calls).toMatchObject([{ name: 'parcel', outcome: 'failed', attempts: 1 }]);
    expect(answer).toMatchObject([
      { is_error: true, content: expect.stringContaining('Call the tool directly.') as string },
    ]);
    expect(text).toBe('Told.');
  });

  test.for([
    ['does not run where a person must be asked', true],
    ['runs where nobody has to be asked', false],
  ] as const)('of a tool that asks by its input %s', async ([, asks]) => {
    const paid: number[] = [];
    // The model may know it from before it had an approval; a declaration with both is invalid.
    const pay = defineTool({
      name: 'pay',
      description: 'Pays.',
      inputSchema: z.object({ at: z.number() }),
      approval: () => asks,
      run: ({ at }) => paid.push(at),
    });
    const { calls, text, answer } = await callByCode(pay);

    expect(paid).toEqual(asks ? [] : [1]);
    expect(calls).toMatchObject([{ outcome: asks ? 'failed' : 'succeeded' }]);
    if (asks) {
      expect(answer).toMatchObject([
        { is_error: true, content: expect.stringContaining('code cannot wait for one') as string },
      ]);
    }
    expect(text).toBe('Told.');
  });

  test('are answered with results only, even if a person has written in between', async () => {
    const door = new Door();
    const slow = defineTool({
      name: 'slow',
      description: 'Takes its time.',
      inputSchema: z.object({ at: z.number() }),
      allowedCallers: ['code_execution_20260120'],
      run: () => door.pass(),
    });
    const agent = agentOf({ tools: [slow] });
    await using plait = await startPlait({
      agents: [agent],
      script: script(
        conversation('go', [
          { ...reply(use('code_execution', 'srvtoolu_code'), byCode(1, 'slow')), container },
          reply(ran('srvtoolu_code'), say('Counted.')),
        ]),
        conversation('be quick', [say('Read.')]),
      ),
    });
    const session = plait.agents.openSession(agent, newSessionId());
    const turn = await session.send('go');
    await door.reached();
    await handedOn(plait.agents, await session.send('be quick', { whenBusy: 'steer' }));
    door.open();
    const { messages, text } = await turn.result();

    expect(messages[2]?.content).toMatchObject([{ type: 'tool_result' }]);
    expect(messages.slice(3).map(({ role }) => role)).toEqual(['assistant', 'user', 'assistant']);
    expect(text).toBe('Read.');
  });

  test("fail the turn with the API's words if the sandbox is gone", async () => {
    await expect(runCode(1, '2026-01-01T00:00:00Z')).rejects.toThrow(
      /container_id is required.*request req_/,
    );
  });
});

/** What three turns of a session send, the first of which is given a sandbox. */
async function containersOf(expiresAt: string) {
  const agent = agentOf({});
  const container = { id: 'container_1', expires_at: expiresAt };
  await using plait = await startPlait({
    agents: [agent],
    script: ({ userText }) =>
      userText === 'first' ? { ...say('Begun.'), container } : say('Done.'),
  });
  const session = plait.agents.openSession(agent, randomUUID());
  for (const text of ['first', 'second', 'third']) {
    await (await session.send(text)).result();
  }
  return plait.model.requests.map(({ body }) => body?.container);
}

describe("the sandbox of a session's turn", () => {
  test('is used by the turns after it', async () => {
    const sent = await containersOf(new Date(Date.now() + 600_000).toISOString());
    expect(sent).toEqual([undefined, 'container_1', 'container_1']);
  });

  test('is left alone when it has expired', async () => {
    expect(await containersOf('2026-01-01T00:00:00Z')).toEqual([undefined, undefined, undefined]);
  });
});

test('a turn that ends while a server tool is at work leaves a conversation that can go on', async () => {
  const agent = agentOf({ tools: [look], limits: { rounds: 1 } });
  const both = reply(use('web_search', 'srvtoolu_1'), callTools({ look: { at: 1 } }));
  await using plait = await startPlait({
    agents: [agent],
    script: ({ userText }) => (userText === 'go' ? stopWith('tool_use', both) : say('I go on.')),
  });
  const result = await plait.agents.execute(agent, 'go');
  expect(result.stopReason).toBe('max_rounds');
  const next = await plait.agents.execute(agent, [
    ...result.messages,
    { role: 'user', content: 'go on' },
  ]);
  expect(next.text).toBe('I go on.');
});

describe('a declaration is invalid', () => {
  test.for<[string, Partial<AgentOptions<unknown>>, string]>([
    [
      'with memory that no tool runs',
      { serverTools: [{ type: 'memory_20250818', name: 'memory' }] },
      'serverTools: memory_20250818 runs in your worker; give the agent a tool named memory',
    ],
    [
      'with an unknown type',
      { serverTools: [{ type: 'telepathy_20300101', name: 'telepathy' } as never] },
      'serverTools: telepathy_20300101 is not a known type',
    ],
    [
      'with a breakpoint of its own',
      { serverTools: [{ ...SEARCH, cache_control: { type: 'ephemeral' } }] },
      'serverTools: web_search_20260318 must not have cache_control; use the option `cache` of the agent',
    ],
    [
      'with one name twice',
      { serverTools: [SEARCH, { type: 'web_search_20260209', name: 'web_search' }] },
      'serverTools: two are named web_search; leave one out',
    ],
    [
      'with a tool for code, and no code',
      { serverTools: [], tools: [look] },
      'tool look has allowedCallers for code; add a code_execution tool to serverTools',
    ],
    [
      'with a tool that is loaded later, and no search',
      {
        tools: [
          defineTool({
            name: 'rare',
            description: 'Rare.',
            inputSchema: z.object({}),
            deferLoading: true,
            run: () => 1,
          }),
        ],
      },
      'tool rare has deferLoading; add a tool_search_tool to serverTools',
    ],
  ])('%s', ([, options, problem]) => {
    expect(() => agentOf(options)).toThrow(`defineAgent("searcher"): ${problem}`);
  });

  test('for a tool that code may call and that waits for a person', () => {
    expect(() =>
      defineTool({
        name: 'pay',
        description: 'Pays.',
        inputSchema: z.object({}),
        approval: 'always',
        allowedCallers: ['code_execution_20260120'],
        run: () => 1,
      }),
    ).toThrow(/code that calls the tool waits a few minutes at most, and cannot wait for a person/);
  });
});
