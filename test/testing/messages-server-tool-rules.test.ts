import type { MessageCreateParamsNonStreaming } from '@anthropic-ai/sdk/resources/messages';
import { describe, expect, test } from 'vitest';
import { reply, say } from '../../testing/replies.ts';
import type { MessageReply } from '../../testing/messages/reply.ts';
import { invalidRequest, start, testAccepted, testRules } from './messages-server-fixture.ts';
import type { Row } from './messages-server-fixture.ts';
import {
  assistant,
  call,
  hello,
  image,
  result,
  search,
  talk,
  text,
  tool,
  tools,
  user,
} from './requests.ts';

const code = { type: 'code_execution_20260120', name: 'code_execution' };

const web = { type: 'web_search_20260318', name: 'web_search' };

const byCode = { allowed_callers: ['code_execution_20260120'] };

const browser = { type: 'browser_toolset_20260801' };

const state = { type: 'browser_state', tabs: [] };

/** An action of the browser and its result. */
const acted = (more: object, toolset: string | undefined = 'browser') => ({
  ...talk(
    hello,
    assistant(call('a', { name: 'navigate', ...(toolset && { toolset_name: toolset }) })),
    user(result('a', more)),
  ),
  tools: [browser, { type: 'computer_toolset_20260801' }],
});

const named = (content: unknown[], toolset = 'browser') => ({ content, toolset_name: toolset });

const at = 'messages.2.content.0.tool_result';

const TOOLSETS: readonly Row[] = [
  [
    'the result of an action must name its toolset',
    acted({}),
    `${at}.toolset_name: must be "browser", as in the corresponding \`tool_use\` block`,
  ],
  [
    'the result of an action must name the right toolset',
    acted({ toolset_name: 'computer' }),
    `${at}.toolset_name: must be "browser", as in the corresponding \`tool_use\` block`,
  ],
  [
    'the result of an ordinary call names no toolset',
    talk(hello, assistant(call('a')), user(result('a', { toolset_name: 'browser' }))),
    `${at}.toolset_name: must be null, as in the corresponding \`tool_use\` block`,
  ],
  [
    'an action of the computer has no browser_state',
    acted(named([state], 'computer'), 'computer'),
    `${at}.content: \`browser_state\` is only allowed for the browser toolset`,
  ],
  [
    'the result of an ordinary call has no browser_state',
    talk(hello, assistant(call('a')), user(result('a', { content: [state] }))),
    `${at}.content: \`browser_state\` is only allowed for the browser toolset`,
  ],
  [
    'an action has one browser_state at most',
    acted(named([state, state])),
    `${at}.content: at most one \`browser_state\` block is allowed`,
  ],
  [
    'an action returns texts and images only',
    acted(named([{ type: 'document', source: { type: 'url', url: 'http://localhost/a.pdf' } }])),
    `${at}.content: \`document\` is not allowed in the result of a toolset member`,
  ],
  [
    'a toolset has no name',
    tools({ ...browser, name: 'browser' }),
    'tools.0.browser_toolset_20260801.name: Extra inputs are not permitted',
  ],
  [
    "no tool has a toolset's name",
    tools(browser, tool({ name: 'browser' })),
    'tools: Tool names must be unique.',
  ],
];

const CODE: readonly Row[] = [
  [
    'a tool for code needs code execution',
    tools(tool(byCode)),
    'tools.0.custom.allowed_callers: requires the code execution tool',
  ],
  [
    'a tool for code is not strict',
    tools(tool({ ...byCode, strict: true }), code),
    'tools.0.custom: `strict` is not supported with programmatic tool calling',
  ],
  [
    'parallel calls cannot be turned off beside a tool for code',
    {
      ...tools(tool(byCode), code),
      tool_choice: { type: 'auto', disable_parallel_tool_use: true },
    },
    'tool_choice.disable_parallel_tool_use: not supported with programmatic tool calling',
  ],
  [
    'a tool that the API runs is still offered while it has no result',
    talk(hello, assistant(search, call('a')), user(result('a'))),
    'messages.1: `web_search` tool use with id `srvtoolu_1` was found without a corresponding `web_search_tool_result` block, but no `web_search` tool was provided',
  ],
  [
    'both kinds of tool search have the same kind of result',
    {
      ...talk(
        hello,
        assistant({ ...search, name: 'tool_search_tool_regex' }, call('a')),
        user(result('a'), text('So')),
      ),
    },
    'messages.1: `tool_search_tool_regex` tool use with id `srvtoolu_1` was found without a corresponding `tool_search_tool_result` block',
  ],
];

describe('a rule about toolsets:', () => {
  testRules(TOOLSETS);
});

describe('a rule about code and the tools of the API:', () => {
  testRules(CODE);
});

const ACCEPTED: readonly (readonly [why: string, body: object])[] = [
  ['the state of the browser', acted(named([text('x'), image, state]))],
  ['an action that failed', acted({ ...named([text('x')]), is_error: true })],
  ['a tool for code beside code execution', tools(tool(byCode), code)],
];

describe('the API accepts', () => {
  testAccepted(ACCEPTED);
});

/** The API's answer to the request that follows a reply, with every call answered. */
async function goOn(first: MessageReply, change: object): Promise<unknown> {
  const { client } = await start(({ round }) => (round === 0 ? first : say('Gone on')));
  const begun = { ...tools(web, tool({})), messages: [hello] } as MessageCreateParamsNonStreaming;
  const { content } = await client.messages.create(begun);
  const results = content.flatMap((block) =>
    block.type === 'tool_use' ? [{ type: 'tool_result' as const, tool_use_id: block.id }] : [],
  );
  const next: MessageCreateParamsNonStreaming = {
    ...begun,
    messages: [
      ...begun.messages,
      { role: 'assistant', content },
      { role: 'user', content: results },
    ],
    ...change,
  };
  return await client.messages.create(next).catch((error: unknown) => error);
}

const calls = (expiresAt: string): MessageReply => ({
  ...reply({ content: [{ type: 'tool_use', name: 'x', input: {}, id: 'a' }] }),
  container: { id: 'container_1', expires_at: expiresAt },
});

describe('a server remembers', () => {
  const asks: MessageReply = {
    content: [
      { ...search, type: 'server_tool_use', name: 'web_search', caller: { type: 'direct' } },
      { type: 'tool_use', name: 'x', input: {}, id: 'a' },
    ],
  };

  test('the tools of the request whose reply left one of its own tools without a result', async () => {
    expect(await goOn(asks, {})).toMatchObject({ content: [{ text: 'Gone on' }] });
    expect(await goOn(asks, { tools: [web, tool({ name: 'y' })] })).toMatchObject(
      invalidRequest(
        'tools: must be the same while `web_search` tool use with id `srvtoolu_1` has no result',
      ),
    );
  });

  test('the sandboxes that it issued, and when they expire', async () => {
    const later = new Date(Date.now() + 600_000).toISOString();
    const container = 'container_1';

    expect(await goOn(calls(later), { container })).toMatchObject({ role: 'assistant' });
    expect(await goOn(calls(later), { container: { id: container } })).toMatchObject({
      role: 'assistant',
    });
    expect(await goOn(calls(later), { container: 'container_2' })).toMatchObject(
      invalidRequest('container: container_2 was not found'),
    );
    expect(await goOn(calls('2026-01-01T00:00:00Z'), { container })).toMatchObject(
      invalidRequest('container: container_1 has expired'),
    );
  });
});
