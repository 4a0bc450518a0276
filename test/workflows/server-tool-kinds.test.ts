import type { ServerToolUsage } from '@anthropic-ai/sdk/resources/messages';
import { expect, test } from 'vitest';
import { z } from 'zod';
import type { ServerTool } from '../../agents/server-tools.ts';
import { defineAgent, defineTool } from '../../index.ts';
import type { ScriptedBlock } from '../../testing/messages/reply.ts';
import { callTools, reply, say } from '../../testing/replies.ts';
import { conversation } from '../../testing/script.ts';
import { startPlait } from '../fixtures/plait.ts';

const look = defineTool({
  name: 'look',
  description: 'Looks.',
  inputSchema: z.object({ at: z.number() }),
  annotations: { readOnlyHint: true },
  run: ({ at }) => `at ${at}`,
});
const rare = defineTool({
  name: 'rare',
  description: 'Does what is rarely needed.',
  inputSchema: z.object({}),
  deferLoading: true,
  run: () => 'found',
});

const ID = 'srvtoolu_1';
const direct = { type: 'direct' } as const;

interface Kind {
  tool: ServerTool;
  use: ScriptedBlock;
  result: ScriptedBlock;
  /** What the reply with the result counts. */
  requests: Partial<ServerToolUsage>;
}

const KINDS: Record<string, Kind> = {
  'web search': {
    tool: { type: 'web_search_20260318', name: 'web_search', max_uses: 3 },
    use: {
      type: 'server_tool_use',
      id: ID,
      name: 'web_search',
      input: { query: 'x' },
      caller: direct,
    },
    result: {
      type: 'web_search_tool_result',
      tool_use_id: ID,
      content: [
        {
          type: 'web_search_result',
          title: 'X',
          url: 'http://localhost/x',
          encrypted_content: 'EqgfCioIARgBIiQ3YTAwMjY1Mi1mZjM5',
          page_age: null,
        },
      ],
      caller: direct,
    },
    requests: { web_search_requests: 1 },
  },
  'web fetch': {
    tool: { type: 'web_fetch_20260318', name: 'web_fetch' },
    use: {
      type: 'server_tool_use',
      id: ID,
      name: 'web_fetch',
      input: { url: 'http://localhost/x' },
      caller: direct,
    },
    result: {
      type: 'web_fetch_tool_result',
      tool_use_id: ID,
      content: {
        type: 'web_fetch_result',
        url: 'http://localhost/x',
        retrieved_at: '2026-11-22T00:00:00Z',
        content: {
          type: 'document',
          source: { type: 'text', media_type: 'text/plain', data: 'A page.' },
          title: 'X',
          citations: null,
        },
      },
      caller: direct,
    },
    requests: { web_fetch_requests: 1 },
  },
  'code execution': {
    tool: { type: 'code_execution_20260120', name: 'code_execution' },
    use: {
      type: 'server_tool_use',
      id: ID,
      name: 'bash_code_execution',
      input: { command: 'ls' },
      caller: direct,
    },
    result: {
      type: 'bash_code_execution_tool_result',
      tool_use_id: ID,
      content: {
        type: 'bash_code_execution_result',
        content: [],
        return_code: 0,
        stderr: '',
        stdout: 'a.txt',
      },
    },
    requests: {},
  },
  'tool search': {
    tool: { type: 'tool_search_tool_regex_20251119', name: 'tool_search_tool_regex' },
    use: {
      type: 'server_tool_use',
      id: ID,
      name: 'tool_search_tool_regex',
      input: { pattern: 'rare' },
      caller: direct,
    },
    result: {
      type: 'tool_search_tool_result',
      tool_use_id: ID,
      content: {
        type: 'tool_search_tool_search_result',
        tool_references: [{ type: 'tool_reference', tool_name: 'rare' }],
      },
    },
    requests: {},
  },
};

test.for(Object.entries(KINDS))(
  '%s goes on beside a call of your own tool, comes back unchanged, and is counted',
  async ([name, { tool, use, result, requests }]) => {
    const tools = name === 'tool search' ? [look, rare] : [look];
    const agent = defineAgent({
      name: 'searcher',
      model: 'claude-opus-5-5',
      tools,
      serverTools: [tool],
    });
    const usage = { web_search_requests: 0, web_fetch_requests: 0 };
    const last = name === 'tool search' ? callTools({ rare: {} }) : callTools({ look: { at: 2 } });
    await using plait = await startPlait({
      agents: [agent],
      script: conversation('go', [
        {
          ...reply({ content: [use] }, callTools({ look: { at: 1 } })),
          usage: { server_tool_use: usage },
        },
        {
          ...reply({ content: [result] }, say('Seen.'), last),
          usage: { server_tool_use: { ...usage, ...requests } },
        },
        say('Done.'),
      ]),
    });
    const ended = await plait.agents.execute(agent, 'go');

    expect(ended).toMatchObject({
      stopReason: 'end_turn',
      text: 'Done.',
      calls: [
        { name: 'look', outcome: 'succeeded' },
        { name: name === 'tool search' ? 'rare' : 'look', outcome: 'succeeded' },
      ],
      usage: { server_tool_use: { ...usage, ...requests } },
    });
    const sent = plait.model.requests.map(({ body }) => body);
    expect(sent.map((body) => body?.tools)).toEqual(
      Array.from({ length: 3 }, () => [...tools.map(({ spec }) => spec), tool]),
    );
    const [, asked, results, answer] = sent[2]?.messages ?? [];
    // As text, since the order of the keys belongs to it.
    expect(JSON.stringify(asked?.content[0])).toBe(JSON.stringify(use));
    expect(JSON.stringify(answer?.content[0])).toBe(JSON.stringify(result));
    expect(results?.content).toMatchObject([{ type: 'tool_result', content: 'at 1' }]);
  },
);

const RUN_HERE: Record<string, ServerTool> = {
  memory: { type: 'memory_20250818', name: 'memory' },
  bash: { type: 'bash_20250124', name: 'bash' },
  'the text editor': { type: 'text_editor_20250728', name: 'str_replace_based_edit_tool' },
};

test.for(Object.entries(RUN_HERE))(
  '%s is described by Anthropic and run by you, beside other calls',
  async ([, tool]) => {
    const name = 'name' in tool ? tool.name : '';
    const own = defineTool({
      name,
      description: 'Told to nobody.',
      inputSchema: z.looseObject({ command: z.string() }),
      run: ({ command }) => `did ${command}`,
    });
    const agent = defineAgent({
      name: 'keeper',
      model: 'claude-opus-5-5',
      tools: [look, own],
      serverTools: [tool],
    });
    const asks = callTools([
      [name, { command: 'view', path: '/memories' }],
      ['look', { at: 1 }],
    ]);
    await using plait = await startPlait({
      agents: [agent],
      script: conversation('go', [
        { ...asks, usage: { input_tokens: 100, output_tokens: 10 } },
        { ...say('Kept.'), usage: { input_tokens: 200, output_tokens: 20 } },
      ]),
    });
    const ended = await plait.agents.execute(agent, 'go');

    expect(plait.model.requests[0]?.body?.tools).toEqual([look.spec, tool]);
    expect(ended).toMatchObject({
      text: 'Kept.',
      calls: [{ name }, { name: 'look' }],
      usage: { input_tokens: 300, output_tokens: 30 },
    });
    expect(ended.messages[1]?.content).toMatchObject([
      { type: 'tool_use', name, input: { command: 'view', path: '/memories' } },
      { type: 'tool_use', name: 'look' },
    ]);
    expect(ended.messages[2]?.content).toMatchObject([
      { content: 'did view' },
      { content: 'at 1' },
    ]);
  },
);
