import { describe, expect, test } from 'vitest';
import { say } from '../../testing/replies.ts';
import { rejection } from '../../testing/rejections.ts';
import { brokenPng, imageBlock, pdf, pdfBlock, png } from '../fixtures/images.ts';
import { ask, errorOf, start, testAccepted, testRules } from './messages-server-fixture.ts';
import type { Row } from './messages-server-fixture.ts';
import {
  user,
  assistant,
  system,
  text,
  call,
  result,
  search,
  found,
  image,
  cached,
  tool,
  hello,
  base,
  talk,
  tools,
  without,
} from './requests.ts';

const picture = imageBlock(png());
const huge = imageBlock(png({ bytes: 8_000_000 }));
const withData = <T extends { source: object }>(block: T, data: unknown) => ({
  ...block,
  source: { ...block.source, data },
});

const photo = { ...picture, source: { ...picture.source, media_type: 'image/jpeg' } };
const PREVIEWED = Buffer.from(
  '\xff\xd8\xff\xe1\0\x08xx\xff\xd9xx\xff\xda\0\x02 ',
  'latin1',
).toString('base64');

const missing = (at: number, ids: string) =>
  `messages.${at}: \`tool_use\` ids were found without \`tool_result\` blocks immediately after: ${ids}. ` +
  'Each `tool_use` block must have a corresponding `tool_result` block in the next message.';
const unexpected = (place: string, id: string) =>
  `${place}: unexpected \`tool_use_id\` found in \`tool_result\` blocks: ${id}. ` +
  'Each `tool_result` block must have a corresponding `tool_use` block in the previous message.';
const prefill =
  'This model does not support assistant message prefill. The conversation must end with a user message.';
const directive =
  'the directive-only form (content: [] with output_config) is accepted at any position';
const adaptive =
  'Use "thinking.type.adaptive" and "output_config.effort" to control thinking behavior.';

const formatted = (format: unknown, more = {}) => ({
  ...base,
  output_config: { format, ...more },
});
const answers = (schema: unknown) => formatted({ type: 'json_schema', schema });
const object = (properties: object, more = {}) => ({
  type: 'object',
  properties,
  additionalProperties: false,
  ...more,
});
const schemaPath = 'output_config.format.schema';
const cites = {
  type: 'document',
  source: { type: 'text', media_type: 'text/plain', data: 'x' },
  citations: { enabled: true },
};

const REJECTED_OUTPUTS: readonly Row[] = [
  [
    'a text instead of a dictionary',
    { ...base, output_config: 'json' },
    'output_config: Input should be a valid dictionary',
  ],
  [
    'an unknown key',
    formatted(null, { strict: true }),
    'output_config.strict: Extra inputs are not permitted',
  ],
  [
    'a format that is a text',
    formatted('json'),
    'output_config.format: Input should be a valid dictionary',
  ],
  ['no type', formatted({ schema: object({}) }), 'output_config.format.type: Field required'],
  [
    'another type',
    formatted({ type: 'json', schema: object({}) }),
    "output_config.format.type: Input should be 'json_schema'",
  ],
  ['no schema', formatted({ type: 'json_schema' }), `${schemaPath}: Field required`],
  [
    'a schema that is a text',
    answers('object'),
    `${schemaPath}: Input should be a valid dictionary`,
  ],
  [
    'a name beside the schema',
    formatted({ type: 'json_schema', schema: object({}), name: 'answer' }),
    'output_config.format.name: Extra inputs are not permitted',
  ],
  [
    'an open object',
    answers({ type: 'object', properties: {} }),
    `${schemaPath}: For 'object' type, 'additionalProperties' must be explicitly set to false`,
  ],
  [
    'an open object inside',
    answers(object({ list: { type: 'array', items: { anyOf: [{ type: 'object' }] } } })),
    `${schemaPath}: For 'object' type, 'additionalProperties' must be explicitly set to false`,
  ],
  [
    'a minimum',
    answers(object({ age: { type: 'integer', minimum: 0 } })),
    `${schemaPath}: For 'integer' type, property 'minimum' is not supported`,
  ],
  [
    'a length',
    answers(
      object({ a: { $ref: '#/$defs/a' } }, { $defs: { a: { type: 'string', maxLength: 3 } } }),
    ),
    `${schemaPath}: For 'string' type, property 'maxLength' is not supported`,
  ],
  [
    'a list of at least two',
    answers(object({ list: { type: 'array', minItems: 2 } })),
    `${schemaPath}: For 'array' type, 'minItems' values other than 0 or 1 are not supported`,
  ],
  [
    'a recursive schema',
    answers(object({ next: { $ref: '#' } })),
    `${schemaPath}: Recursive schemas are not supported: #`,
  ],
  [
    'a schema of another document',
    answers(object({ a: { $ref: 'https://example.com/a.json' } })),
    `${schemaPath}: External $ref is not supported: https://example.com/a.json`,
  ],
  [
    'citations',
    { ...answers(object({})), messages: [user(cites, text('Sum it up'))] },
    'output_config.format: Citations cannot be enabled with output_config.format',
  ],
];

describe('an output format is rejected for', () => {
  test.each(REJECTED_OUTPUTS)('%s', (_why, body, message) => {
    expect(rejection(body)).toEqual({ status: 400, type: 'invalid_request_error', message });
  });

  test('nothing that the API accepts', () => {
    const schema = object({
      at: { type: 'string', format: 'date-time' },
      list: {
        type: 'array',
        minItems: 1,
        items: { anyOf: [{ type: 'string' }, { type: 'null' }] },
      },
      first: { $ref: '#/$defs/pair' },
      second: { $ref: '#/$defs/pair' },
      kind: { enum: ['a', 'b'] },
    });
    const whole = { ...schema, $defs: { pair: object({ key: { const: 'k' } }) } };

    expect(rejection(answers(whole))).toBeUndefined();
    expect(rejection(formatted(null, { effort: 'low' }))).toBeUndefined();
    expect(rejection({ ...base, output_config: null })).toBeUndefined();
  });
});

const REJECTED: readonly Row[] = [
  ['no result', talk(hello, assistant(call('a'), call('b')), hello), missing(1, 'a, b')],
  [
    'one result missing',
    talk(hello, assistant(call('a'), call('b')), user(result('a'))),
    missing(1, 'b'),
  ],
  [
    'text before a result',
    talk(hello, assistant(call('a')), user(text('So'), result('a'))),
    missing(1, 'a'),
  ],
  [
    'a message of the user in between',
    talk(hello, assistant(call('a')), hello, user(result('a'))),
    missing(1, 'a'),
  ],
  [
    'a message of the assistant in between',
    talk(hello, assistant(call('a')), assistant(text('Wait')), user(result('a'))),
    missing(1, 'a'),
  ],
  ['calls at the very end', talk(hello, assistant(call('a'))), missing(1, 'a')],
  [
    'a result without a call',
    talk(hello, assistant(text('Hi')), user(result('a'))),
    unexpected('messages.2.content.0', 'a'),
  ],
  [
    'a result again later',
    talk(hello, assistant(call('a')), user(result('a')), assistant(text('Hi')), user(result('a'))),
    unexpected('messages.4.content.0', 'a'),
  ],
  [
    'two results of one call',
    talk(hello, assistant(call('a')), user(result('a'), result('a'))),
    'messages.2.content.1: each tool_use must have a single result. Found multiple `tool_result` blocks with id: a',
  ],
  [
    'an id twice in a reply',
    talk(hello, assistant(call('a'), call('a')), user(result('a'))),
    'messages.1.content.1: `tool_use` ids must be unique',
  ],
  [
    'an id again in a later reply',
    talk(hello, assistant(call('a')), user(result('a')), assistant(call('a')), user(result('a'))),
    'messages.3.content.0: `tool_use` ids must be unique',
  ],
  [
    'an id that does not match the pattern',
    talk(hello, assistant(call('a b')), user(result('a b'))),
    "messages.1.content.0.tool_use.id: String should match pattern '^[a-zA-Z0-9_-]+$'",
  ],
  [
    'input that is a string',
    talk(hello, assistant(call('a', { input: '{}' })), user(result('a'))),
    'messages.1.content.0.tool_use.input: Input should be a valid dictionary',
  ],
  [
    'a text after a call',
    talk(hello, assistant(call('a'), text('So'), call('b')), user(result('a'), result('b'))),
    missing(1, 'a'),
  ],
  [
    'an error with an image',
    talk(hello, assistant(call('a')), user(result('a', { is_error: true, content: [image] }))),
    'messages.2.content.0.tool_result: all content must be type `text` if `is_error` is true',
  ],
  [
    'an image without bytes',
    talk(user(withData(picture, ''))),
    'messages.0.content.0.image.source.base64: image cannot be empty',
  ],
  [
    'an image that was cut off',
    talk(user(text('What is this?'), imageBlock(brokenPng()))),
    'messages.0.content.1.image.source.base64: Could not process image',
  ],
  [
    'a photo that was cut off after its preview',
    talk(user(withData(photo, PREVIEWED))),
    'messages.0.content.0.image.source.base64: Could not process image',
  ],
  [
    'data in a result that are not an image',
    talk(hello, assistant(call('a')), user(result('a', { content: [withData(picture, 'AAAA')] }))),
    'messages.2.content.0.tool_result.content.0.image.source.base64: Could not process image',
  ],
  [
    'an image of another kind than declared',
    talk(user(photo)),
    'messages.0.content.0.image.source.base64: The image was specified using the image/jpeg media type, but the image appears to be a image/png image',
  ],
  [
    'an image of too many bytes',
    talk(user(huge)),
    `messages.0.content.0.image.source.base64: image exceeds 10 MB maximum: ${huge.source.data.length} bytes > 10485760 bytes`,
  ],
  [
    'an image of too many pixels',
    talk(user(imageBlock(png({ height: 8_001 })))),
    'messages.0.content.0.image.source.base64.data: At least one of the image dimensions exceed max allowed size: 8000 pixels',
  ],
  [
    'a large image among more than twenty',
    talk(user(...Array.from({ length: 20 }, () => picture), imageBlock(png({ height: 2_001 })))),
    'messages.0.content.20.image.source.base64.data: At least one of the image dimensions exceed max allowed size for many-image requests: 2000 pixels',
  ],
  [
    'a kind of block that a result may not hold',
    talk(hello, assistant(call('a')), user(result('a', { content: [call('b')] }))),
    "messages.2.content.0.tool_result.content.0: Input tag 'tool_use' found using 'type' does not match any of the expected tags: 'browser_state', 'document', 'image', 'search_result', 'text', 'tool_reference'",
  ],
  [
    'a document that is not a PDF',
    talk(user(withData(pdfBlock(pdf()), picture.source.data))),
    'messages.0.content.0.pdf.source.base64.data: The PDF specified was not valid.',
  ],
  [
    'a result from the assistant',
    talk(hello, assistant(result('a')), hello),
    'messages.1: `tool_result` blocks can only be in `user` messages',
  ],
  [
    'a call from the user',
    talk(user(call('a'))),
    'messages.0: `tool_use` blocks can only be in `assistant` messages',
  ],
  [
    'text while a server tool has no result',
    talk(hello, assistant(search, call('a')), user(result('a'), text('So'))),
    'messages.1: `web_search` tool use with id `srvtoolu_1` was found without a corresponding `web_search_tool_result` block',
  ],

  ['no messages', talk(), 'messages: at least one message is required'],
  ['a last message of the assistant', talk(hello, assistant(text('The answer is'))), prefill],
  [
    'an unknown role',
    talk({ role: 'tool', content: 'x' }),
    'messages: Unexpected role "tool". Allowed roles are "user" or "assistant".',
  ],
  ['no role', talk({ content: 'x' }), 'messages.0.role: Field required'],
  ['no content', talk({ role: 'user' }), 'messages.0.content: Field required'],
  [
    'content that is a number',
    talk({ role: 'user', content: 1 }),
    'messages.0.content: Input should be a valid array',
  ],
  [
    'an empty message',
    talk(user(), hello),
    'messages.0: all messages must have non-empty content except for the optional final assistant message',
  ],
  ['an empty text', talk(user(text(''))), 'messages: text content blocks must be non-empty'],
  [
    'an empty text in a result',
    talk(hello, assistant(call('a')), user(result('a', { content: [text('')] }))),
    'messages: text content blocks must be non-empty',
  ],
  [
    'a text of blanks',
    talk(user(text(' \n'))),
    'messages: text content blocks must contain non-whitespace text',
  ],
  [
    'half an emoji',
    talk(user(text('🙂'.slice(0, 1)))),
    'The request body is not valid JSON: no low surrogate in string: line 1 column 106 (char 105)',
  ],
  [
    'an unknown block',
    talk(user({ type: 'video' })),
    "messages.0.content.0: Input tag 'video' found using 'type' does not match any of the expected tags: 'bash_code_execution_tool_result', 'code_execution_tool_result', 'container_upload', 'document', 'image', 'redacted_thinking', 'search_result', 'server_tool_use', 'text', 'text_editor_code_execution_tool_result', 'thinking', 'tool_result', 'tool_search_tool_result', 'tool_use', 'web_fetch_tool_result', 'web_search_tool_result'",
  ],
  [
    'a document of the assistant',
    talk(
      hello,
      assistant({
        type: 'document',
        source: { type: 'text', media_type: 'text/plain', data: 'x' },
      }),
      hello,
    ),
    "messages.1.content.0: Input tag 'document' found using 'type' does not match any of the expected tags: 'bash_code_execution_tool_result', 'code_execution_tool_result', 'container_upload', 'image', 'redacted_thinking', 'search_result', 'server_tool_use', 'text', 'text_editor_code_execution_tool_result', 'thinking', 'tool_result', 'tool_search_tool_result', 'tool_use', 'web_fetch_tool_result', 'web_search_tool_result'",
  ],
  [
    'citations of the user',
    talk(user({ ...text('x'), citations: [{ type: 'char_location' }] })),
    'messages.0.content.0.text.citations: Extra inputs are not permitted',
  ],
  [
    'thinking at the end of a message',
    talk(
      hello,
      assistant(text('x'), { type: 'thinking', thinking: 'x', signature: 'from elsewhere' }),
      hello,
    ),
    'messages.1: The final block in an assistant message cannot be `thinking`.',
  ],

  [
    'a system message at the beginning',
    talk(system('x'), hello),
    `messages.0: use the top-level 'system' parameter for the initial system prompt; ${directive}`,
  ],
  [
    'a system message after the assistant',
    talk(hello, assistant(text('Hi')), system('x'), hello),
    `messages.2: role 'system' must follow a 'user' message or an 'assistant' message ending in a server tool result; ${directive}`,
  ],
  [
    'a system message before the user',
    talk(hello, system('x'), hello),
    `messages.1: role 'system' must precede an 'assistant' message or end the array; ${directive}`,
  ],
  [
    'a system message to an old model',
    { ...talk(hello, system('x')), model: 'claude-sonnet-4-6' },
    "messages.1: role 'system' is not supported on this model",
  ],
  [
    'a system message with an image',
    talk(hello, { role: 'system', content: [image] }),
    "messages.1: role 'system' supports text, tool_addition, and tool_removal blocks only",
  ],
  [
    'an empty system message',
    talk(hello, { role: 'system', content: [] }),
    'messages.1: system content must contain at least one block',
  ],

  ['no model', without('model'), 'model: Field required'],
  ['no max_tokens', without('max_tokens'), 'max_tokens: Field required'],
  ['no list of messages', without('messages'), 'messages: Field required'],
  [
    'max_tokens below 0',
    { ...base, max_tokens: -1 },
    'max_tokens: Input should be greater than or equal to 0',
  ],
  [
    'max_tokens with a fraction',
    { ...base, max_tokens: 1.5 },
    'max_tokens: Input should be a valid integer',
  ],
  [
    'max_tokens above the limit',
    { ...base, model: 'claude-haiku-4-5', max_tokens: 64_001 },
    'max_tokens: 64001 > 64000, which is the maximum allowed number of output tokens for claude-haiku-4-5',
  ],
  ['temperature', { ...base, temperature: 1 }, 'temperature: Extra inputs are not permitted'],
  ['top_p', { ...base, top_p: 1 }, 'top_p: Extra inputs are not permitted'],
  ['top_k', { ...base, top_k: 1 }, 'top_k: Extra inputs are not permitted'],
  ['a misspelt field', { ...base, tool_choise: {} }, 'tool_choise: Extra inputs are not permitted'],
  [
    "the helper's parsed_output on a message",
    talk(hello, { ...assistant(text('Hi')), parsed_output: null }, hello),
    'messages.1.parsed_output: Extra inputs are not permitted',
  ],
  [
    'parsed_output on a block',
    talk(hello, assistant({ ...text('Hi'), parsed_output: null }), hello),
    'messages.1.content.0.text.parsed_output: Extra inputs are not permitted',
  ],
  [
    'cache_control on thinking',
    talk(
      hello,
      assistant(
        { type: 'thinking', thinking: 'x', signature: 'y', cache_control: { type: 'ephemeral' } },
        text('Hi'),
      ),
      hello,
    ),
    'messages.1.content.0.thinking.cache_control: Extra inputs are not permitted',
  ],
  [
    'thinking without a signature',
    talk(hello, assistant({ type: 'thinking', thinking: 'x' }, text('Hi')), hello),
    'messages.1.content.0.thinking.signature: Field required',
  ],
  [
    'five breakpoints',
    talk(user(...['a', 'b', 'c', 'd', 'e'].map(cached))),
    'A maximum of 4 blocks with cache_control may be provided. Found 5.',
  ],
  [
    'an hour of caching after five minutes',
    { ...talk(user(cached('a'))), cache_control: { type: 'ephemeral', ttl: '1h' } },
    "a ttl='1h' cache_control block must not come after a ttl='5m' cache_control block. Note that blocks are processed in the following order: `tools`, `system`, `messages`.",
  ],
  [
    'a breakpoint on a deferred tool',
    tools(tool({}), tool({ name: 'b', defer_loading: true, cache_control: { type: 'ephemeral' } })),
    "Tool 'b' cannot have both defer_loading=true and cache_control set. Tools with defer_loading cannot use prompt caching.",
  ],

  ['two tools of one name', tools(tool({}), tool({})), 'tools: Tool names must be unique.'],
  [
    'a tool name with a dot',
    tools(tool({ name: 'a.b' })),
    "tools.0.custom.name: String should match pattern '^[a-zA-Z0-9_-]{1,128}$'",
  ],
  ['a tool without a schema', tools({ name: 'x' }), 'tools.0.custom.input_schema: Field required'],
  [
    'a schema without a type',
    tools(tool({ input_schema: { anyOf: [] } })),
    'tools.0.custom.input_schema.type: Field required',
  ],
  [
    'a schema of a list',
    tools(tool({ input_schema: { type: 'array' } })),
    "tools.0.custom.input_schema.type: Input should be 'object'",
  ],
  [
    'alternatives at the top of a schema',
    tools(tool({ input_schema: { type: 'object', oneOf: [] } })),
    'tools.0.custom.input_schema: input_schema does not support oneOf, allOf, or anyOf at the top level',
  ],
  [
    'an unknown field of a tool',
    tools(tool({ run: null })),
    'tools.0.custom.run: Extra inputs are not permitted',
  ],
  [
    'only deferred tools',
    tools(tool({ defer_loading: true })),
    'All tools have defer_loading: true',
  ],
  [
    'a forced tool on the newest model',
    { ...tools(tool({})), tool_choice: { type: 'any' } },
    'tool_choice: type "tool" and "any" are not supported for this model.',
  ],
  [
    'a forced choice without tools',
    { ...base, model: 'claude-opus-5', tool_choice: { type: 'any' } },
    'tool_choice.any may only be specified while providing tools',
  ],
  [
    'a forced tool that the request does not have',
    { ...tools(tool({})), model: 'claude-opus-5', tool_choice: { type: 'tool', name: 'y' } },
    "Tool 'y' not found in provided tools",
  ],
  [
    'thinking turned off',
    { ...base, thinking: { type: 'disabled' } },
    `"thinking.type.disabled" is not supported for this model. ${adaptive}`,
  ],
  [
    'a thinking budget',
    { ...base, thinking: { type: 'enabled', budget_tokens: 1024 } },
    `"thinking.type.enabled" is not supported for this model. ${adaptive}`,
  ],
  [
    'adaptive thinking on an old model',
    { ...base, model: 'claude-haiku-4-5', thinking: { type: 'adaptive' } },
    'adaptive thinking is not supported on this model',
  ],
];

const ACCEPTED: readonly (readonly [why: string, body: object])[] = [
  [
    'results in another order',
    talk(hello, assistant(call('a'), call('b')), user(result('b'), result('a'))),
  ],
  ['words after the results', talk(hello, assistant(call('a')), user(result('a'), text('Also')))],
  [
    'results in two messages',
    talk(hello, assistant(call('a'), call('b')), user(result('a')), user(result('b'))),
  ],
  [
    'a result without content',
    talk(hello, assistant(call('a')), user({ type: 'tool_result', tool_use_id: 'a' })),
  ],
  ['an empty result', talk(hello, assistant(call('a')), user(result('a', { content: '' })))],
  ['a paused turn sent back', talk(hello, assistant(search))],
  ['a server tool with a result', talk(hello, assistant(search, found, text('So')), hello)],
  [
    'results alone while a server tool has no result',
    {
      ...talk(hello, assistant(search, call('a')), user(result('a'))),
      tools: [{ type: 'web_search_20260318', name: 'web_search' }],
    },
  ],
  ['a system message after the user', talk(hello, system('x'))],
  [
    'a system message between results and reply',
    talk(hello, assistant(call('a')), user(result('a')), system('x'), assistant(text('Hi')), hello),
  ],
  ['two system messages in a row', talk(hello, system('x'), system('y'))],
  ['content as a string', talk({ role: 'user', content: 'Hello' })],
  ['four breakpoints', talk(user(...['a', 'b', 'c', 'd'].map(cached)))],
  ['prefill on an old model', { ...talk(hello, assistant(text('So'))), model: 'claude-haiku-4-5' }],
  [
    'thinking turned off for a model that allows it',
    { ...base, model: 'claude-opus-5', thinking: { type: 'disabled' } },
  ],
  ["a tool of Anthropic's", tools({ type: 'memory_20250818', name: 'memory' })],
];

describe('the API rejects', () => {
  testRules(REJECTED);

  test('a model that does not exist', async () => {
    const { client } = await start(() => say('Not rejected'));
    const error = await errorOf(client.messages.create({ ...ask('Hello'), model: 'gpt-1' }));
    expect(error).toMatchObject({
      status: 404,
      type: 'not_found_error',
      apiMessage: 'model: gpt-1',
    });
  });
});

describe('the API accepts', () => {
  testAccepted(ACCEPTED);
});

test('the API rejects a body that is not an object, and a field that must be a list and is not', () => {
  expect(rejection('x')?.message).toBe('Input should be a valid dictionary');
  expect(rejection({ ...base, tools: 1 })?.message).toBe('tools: Input should be a valid array');
});

test('an image that cannot be read is rejected with a beta too', () => {
  const results = user(result('a', { content: [imageBlock(brokenPng())] }));

  expect(rejection(talk(hello, assistant(call('a')), results), { beta: true })).toMatchObject({
    message:
      'messages.2.content.0.tool_result.content.0.image.source.base64: Could not process image',
  });
});

test('unknown fields and blocks are accepted with a beta', () => {
  const body = {
    ...base,
    context_management: {},
    messages: [
      user({ type: 'mcp_tool_listing', tools: [] }),
      { ...system('x'), clear_at: 'never' },
    ],
  };
  expect(rejection(body)?.message).toBe('context_management: Extra inputs are not permitted');
  expect(rejection(body, { beta: true })).toBeUndefined();
});

test('a request to count tokens must not have max_tokens', () => {
  expect(rejection(without('max_tokens'), { endpoint: 'count_tokens' })).toBeUndefined();
  expect(rejection(base, { endpoint: 'count_tokens' })?.message).toBe(
    'max_tokens: Extra inputs are not permitted',
  );
});
