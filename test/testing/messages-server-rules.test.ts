import type { MessageCreateParamsNonStreaming } from '@anthropic-ai/sdk/resources/messages';
import { describe, expect, test } from 'vitest';
import { refusal } from '../../testing/refusals.ts';
import { reply, say } from '../../testing/replies.ts';
import type { MessageReply } from '../../testing/messages/reply.ts';
import { rejection, start } from './messages-server-fixture.ts';
import {
  assistant,
  base,
  cached,
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

type Row = readonly [rule: string, body: object, message: string];

const on = (model: string, more: object) => ({ ...base, model, ...more });
const png = { type: 'base64', media_type: 'image/png', data: 'AAAA' };
const pictured = (source: unknown) => talk(user({ type: 'image', source }));
const filed = (source: unknown) => talk(user({ type: 'document', source }));
const marked = (mark: object) => ({ ...text('x'), cache_control: mark });
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
    'the result of another call names no toolset',
    talk(hello, assistant(call('a')), user(result('a', { toolset_name: 'browser' }))),
    `${at}.toolset_name: must be null, as in the corresponding \`tool_use\` block`,
  ],
  [
    'an action of the computer has no browser_state',
    acted(named([state], 'computer'), 'computer'),
    `${at}.content: \`browser_state\` is only allowed for the browser toolset`,
  ],
  [
    'another call has no browser_state',
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
    'parallel calls stay on beside a tool for code',
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
    'both kinds of tool search answer by one kind of result',
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

const SOURCES: readonly Row[] = [
  [
    'an image has a source',
    talk(user({ type: 'image' })),
    'messages.0.content.0.image.source: Field required',
  ],
  [
    'the source of an image is an object',
    pictured('a.png'),
    'messages.0.content.0.image.source: Input should be a valid dictionary',
  ],
  [
    'the source of an image has a type',
    pictured({ url: 'x' }),
    'messages.0.content.0.image.source.type: Field required',
  ],
  [
    'the source of an image is of a known type',
    pictured({ type: 'path', path: 'a.png' }),
    "messages.0.content.0.image.source: Input tag 'path' found using 'type' does not match any of the expected tags: 'base64', 'file', 'url'",
  ],
  [
    'an image is of four media types',
    pictured({ ...png, media_type: 'image/bmp' }),
    "messages.0.content.0.image.source.base64.media_type: Input should be 'image/jpeg', 'image/png', 'image/gif' or 'image/webp'",
  ],
  [
    'an image has data',
    pictured({ type: 'base64', media_type: 'image/png' }),
    'messages.0.content.0.image.source.base64.data: Field required',
  ],
  [
    'the URL of an image is a text',
    pictured({ type: 'url', url: 1 }),
    'messages.0.content.0.image.source.url.url: Input should be a valid string',
  ],
  [
    'an image has no field of its own',
    pictured({ ...png, name: 'a.png' }),
    'messages.0.content.0.image.source.base64.name: Extra inputs are not permitted',
  ],
  [
    'a document in base64 is a PDF',
    filed({ type: 'base64', media_type: 'text/plain', data: 'AAAA' }),
    "messages.0.content.0.document.source.base64.media_type: Input should be 'application/pdf'",
  ],
  [
    'a document of text is plain text',
    filed({ type: 'text', media_type: 'text/html', data: 'x' }),
    "messages.0.content.0.document.source.text.media_type: Input should be 'text/plain'",
  ],
  [
    'an image in a result obeys the same rules',
    talk(
      hello,
      assistant(call('a')),
      user(result('a', { content: [{ type: 'image', source: { ...png, media_type: 'x' } }] })),
    ),
    "messages.2.content.0.tool_result.content.0.image.source.base64.media_type: Input should be 'image/jpeg', 'image/png', 'image/gif' or 'image/webp'",
  ],
];

const OPTIONS: readonly Row[] = [
  [
    'a stop sequence is not blank',
    { ...base, stop_sequences: ['END', ' \n'] },
    'stop_sequences: each stop sequence must contain non-whitespace',
  ],
  [
    'a stop sequence is a text',
    { ...base, stop_sequences: [1] },
    'stop_sequences.0: Input should be a valid string',
  ],
  [
    'stop sequences are a list',
    { ...base, stop_sequences: 'END' },
    'stop_sequences: Input should be a valid array',
  ],
  [
    'a budget of thinking is named',
    on('claude-haiku-4-5', { max_tokens: 4_000, thinking: { type: 'enabled' } }),
    'thinking.enabled.budget_tokens: Field required',
  ],
  [
    'a budget of thinking is at least 1,024 tokens',
    on('claude-haiku-4-5', {
      max_tokens: 4_000,
      thinking: { type: 'enabled', budget_tokens: 1_023 },
    }),
    'thinking.enabled.budget_tokens: Input should be greater than or equal to 1024',
  ],
  [
    'a budget of thinking is below max_tokens',
    on('claude-haiku-4-5', {
      max_tokens: 2_000,
      thinking: { type: 'enabled', budget_tokens: 2_000 },
    }),
    '`max_tokens` must be greater than `thinking.budget_tokens`.',
  ],
  [
    'thinking between tools is not for every model',
    { ...base, thinking: { type: 'between_tools' } },
    '"thinking.type.between_tools" is not supported for this model.',
  ],
  [
    'a kind of thinking is known',
    { ...base, thinking: { type: 'deep' } },
    "thinking: Input tag 'deep' found using 'type' does not match any of the expected tags: 'adaptive', 'between_tools', 'disabled', 'enabled'",
  ],
  [
    'a forced tool does not go with a budget of thinking',
    on('claude-haiku-4-5', {
      max_tokens: 4_000,
      tools: [tool({})],
      tool_choice: { type: 'tool', name: 'x' },
      thinking: { type: 'enabled', budget_tokens: 2_000 },
    }),
    'Thinking may not be enabled when tool_choice forces tool use.',
  ],
  [
    'a choice of tools is of a known type',
    { ...tools(tool({})), tool_choice: { type: 'required' } },
    "tool_choice: Input tag 'required' found using 'type' does not match any of the expected tags: 'any', 'auto', 'none', 'tool'",
  ],
  [
    'a choice of tools has a type',
    { ...tools(tool({})), tool_choice: { name: 'x' } },
    'tool_choice.type: Field required',
  ],
  [
    'an effort is one of five',
    { ...base, output_config: { effort: 'huge' } },
    "output_config.effort: Input should be 'low', 'medium', 'high', 'xhigh' or 'max'",
  ],
  [
    'an effort is one that the model has',
    on('claude-opus-4-6', { output_config: { effort: 'xhigh' } }),
    "This model does not support effort level 'xhigh'. Supported levels: high, low, max, medium.",
  ],
  [
    'an effort is for models that have one',
    on('claude-haiku-4-5', { output_config: { effort: 'low' } }),
    'This model does not support the effort parameter.',
  ],
  [
    'a breakpoint is ephemeral',
    talk(user(marked({ type: 'persistent' }))),
    "cache_control.type: Input should be 'ephemeral'",
  ],
  [
    'a breakpoint holds for five minutes or an hour',
    talk(user(marked({ type: 'ephemeral', ttl: '1d' }))),
    "cache_control.ephemeral.ttl: Input should be '5m' or '1h'",
  ],
  [
    'the automatic breakpoint holds as long as that of the last block',
    {
      ...talk(user(marked({ type: 'ephemeral', ttl: '1h' }))),
      cache_control: { type: 'ephemeral', ttl: '5m' },
    },
    'cache_control.ttl: must be that of the last block, which has its own',
  ],
  [
    'the automatic breakpoint counts as one of four',
    { ...talk(user(...['a', 'b', 'c', 'd'].map(cached))), cache_control: { type: 'ephemeral' } },
    'A maximum of 4 blocks with cache_control may be provided. Found 5.',
  ],
  [
    'a schema is valid in draft 2020-12',
    tools(tool({ input_schema: { type: 'object', properties: { a: { type: 'text' } } } })),
    'tools.0.custom.input_schema: JSON schema is invalid. It must match JSON Schema draft 2020-12 (https://json-schema.org/draft/2020-12).',
  ],
  [
    'twenty tools may be strict',
    tools(...Array.from({ length: 21 }, (_, i) => tool({ name: `x${i}`, strict: true }))),
    'tools: at most 20 tools may be strict',
  ],
  [
    'an error has a text',
    talk(hello, assistant(call('a')), user(result('a', { is_error: true, content: '' }))),
    `${at}: content must not be empty if \`is_error\` is true`,
  ],
];

async function refused(body: object): Promise<unknown> {
  const { client } = await start(() => say('Not refused'));
  const request = body as MessageCreateParamsNonStreaming;
  return await rejection(client.messages.create(request, { timeout: 5_000 }));
}

const is = (message: string) => ({
  status: 400,
  type: 'invalid_request_error',
  apiMessage: message,
});

describe('a rule about toolsets:', () => {
  test.for(TOOLSETS)('%s', async ([, body, message]) => {
    expect(await refused(body)).toMatchObject(is(message));
  });
});

describe('a rule about code and the tools of the API:', () => {
  test.for(CODE)('%s', async ([, body, message]) => {
    expect(await refused(body)).toMatchObject(is(message));
  });
});

describe('a rule about images and documents:', () => {
  test.for(SOURCES)('%s', async ([, body, message]) => {
    expect(await refused(body)).toMatchObject(is(message));
  });
});

describe('a rule about options:', () => {
  test.for(OPTIONS)('%s', async ([, body, message]) => {
    expect(await refused(body)).toMatchObject(is(message));
  });

  test('a conversation has 100,000 messages at most', () => {
    const messages = Array.from({ length: 100_001 }, () => hello);
    expect(refusal({ ...base, messages })?.message).toBe(
      'messages: at most 100000 messages may be given',
    );
    expect(refusal({ ...base, messages: messages.slice(1) })).toBeUndefined();
  });
});

const ACCEPTED: readonly (readonly [why: string, body: object])[] = [
  ['the state of the browser', acted(named([text('x'), image, state]))],
  ['an action that failed', acted({ ...named([text('x')]), is_error: true })],
  ['a tool for code beside code execution', tools(tool(byCode), code)],
  ['a picture in base64', pictured(png)],
  ['a file', filed({ type: 'file', file_id: 'file_1' })],
  ['a document of blocks', filed({ type: 'content', content: [text('x')] })],
  ['stop sequences', { ...base, stop_sequences: ['END'] }],
  [
    'an older draft',
    tools(
      tool({
        input_schema: { $schema: 'http://json-schema.org/draft-07/schema#', type: 'object' },
      }),
    ),
  ],
  [
    'one lifetime for all breakpoints',
    {
      ...talk(user(marked({ type: 'ephemeral', ttl: '1h' }))),
      cache_control: { type: 'ephemeral', ttl: '1h' },
    },
  ],
];

describe('the API takes', () => {
  test.for(ACCEPTED)('%s', async ([, body]) => {
    const { client } = await start(() => say('Taken'));
    const request = body as MessageCreateParamsNonStreaming;
    expect(await client.messages.create(request)).toMatchObject({ content: [{ text: 'Taken' }] });
  });
});

/** The answer to what follows a reply, with the calls answered. */
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

  test('the tools that were there when one of its own began to work', async () => {
    expect(await goOn(asks, {})).toMatchObject({ content: [{ text: 'Gone on' }] });
    expect(await goOn(asks, { tools: [web, tool({ name: 'y' })] })).toMatchObject(
      is('tools: must be the same while `web_search` tool use with id `srvtoolu_1` has no result'),
    );
  });

  test('the sandboxes that it has begun, and when they end', async () => {
    const later = new Date(Date.now() + 600_000).toISOString();
    const container = 'container_1';

    expect(await goOn(calls(later), { container })).toMatchObject({ role: 'assistant' });
    expect(await goOn(calls(later), { container: { id: container } })).toMatchObject({
      role: 'assistant',
    });
    expect(await goOn(calls(later), { container: 'container_2' })).toMatchObject(
      is('container: container_2 was not found'),
    );
    expect(await goOn(calls('2026-01-01T00:00:00Z'), { container })).toMatchObject(
      is('container: container_1 has expired'),
    );
  });
});

test('tokens are counted under the same rules', async () => {
  const { client } = await start(() => say('Not asked'));
  const { max_tokens: _, ...body } = talk(hello, assistant(call('a')), user(text('So')));
  expect(await rejection(client.messages.countTokens(body as never))).toMatchObject({
    status: 400,
  });
});
