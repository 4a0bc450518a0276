import { describe, expect, test } from 'vitest';
import { rejection } from '../../testing/rejections.ts';
import { say } from '../../testing/replies.ts';
import {
  errorOf,
  invalidRequest,
  start,
  testAccepted,
  testRules,
} from './messages-server-fixture.ts';
import type { Row } from './messages-server-fixture.ts';
import {
  assistant,
  base,
  cached,
  call,
  hello,
  result,
  talk,
  text,
  tool,
  tools,
  user,
} from './requests.ts';
import { imageBlock, png as aPng } from '../fixtures/images.ts';

const on = (model: string, more: object) => ({ ...base, model, ...more });

const png = imageBlock(aPng()).source;

const pictured = (source: unknown) => talk(user({ type: 'image', source }));

const filed = (source: unknown) => talk(user({ type: 'document', source }));

const marked = (mark: object) => ({ ...text('x'), cache_control: mark });

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
    'an image is of one of four media types',
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
    'the source of an image has no other fields',
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
    'the same rules hold for an image in a result',
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
    'thinking of type enabled has a budget',
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
    'thinking is of a known type',
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
    'an effort is only for models that have one',
    on('claude-haiku-4-5', { output_config: { effort: 'low' } }),
    'This model does not support the effort parameter.',
  ],
  [
    'a breakpoint is ephemeral',
    talk(user(marked({ type: 'persistent' }))),
    "cache_control.type: Input should be 'ephemeral'",
  ],
  [
    'a breakpoint lasts five minutes or an hour',
    talk(user(marked({ type: 'ephemeral', ttl: '1d' }))),
    "cache_control.ephemeral.ttl: Input should be '5m' or '1h'",
  ],
  [
    'the automatic breakpoint lasts as long as that of the last block',
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
    'at most twenty tools may be strict',
    tools(...Array.from({ length: 21 }, (_, i) => tool({ name: `x${i}`, strict: true }))),
    'tools: at most 20 tools may be strict',
  ],
  [
    'a block of the prompt has a text that is not empty',
    { ...base, system: [text('Be brief.'), text('')] },
    'system: text content blocks must be non-empty',
  ],
  [
    'a block of the prompt has a text that is not blank',
    { ...base, system: [text(' ')] },
    'system: text content blocks must contain non-whitespace text',
  ],
  [
    'an error has a text',
    talk(hello, assistant(call('a')), user(result('a', { is_error: true, content: '' }))),
    `messages.2.content.0.tool_result: content cannot be empty if \`is_error\` is true`,
  ],
];

describe('a rule about images and documents:', () => {
  testRules(SOURCES);
});

describe('a rule about options:', () => {
  testRules(OPTIONS);

  test('a prompt is not longer than the window of the model', async () => {
    const { client } = await start(() => say('Accepted'), { contextWindow: 1_000 });
    const send = (block: object) => client.messages.create(talk(user(block)) as never);
    const picture = {
      type: 'image',
      source: { ...png, data: aPng({ bytes: 9_000 }).toString('base64') },
    };

    expect(await errorOf(send(text('x'.repeat(9_000))))).toMatchObject(
      invalidRequest('prompt is too long: 2257 tokens > 1000 maximum'),
    );
    await expect(send(picture)).resolves.toBeDefined();
  });

  test('a conversation has 100,000 messages at most', () => {
    const messages = Array.from({ length: 100_001 }, () => hello);
    expect(rejection({ ...base, messages })?.message).toBe(
      'messages: at most 100000 messages may be given',
    );
    expect(rejection({ ...base, messages: messages.slice(1) })).toBeUndefined();
  });
});

const ACCEPTED: readonly (readonly [why: string, body: object])[] = [
  ['a picture in base64', pictured(png)],
  [
    'a picture with other data after its end',
    pictured({
      ...png,
      data: Buffer.concat([aPng(), Buffer.alloc(4_000)]).toString('base64'),
    }),
  ],
  [
    'a photo with a film after its end',
    pictured({
      type: 'base64',
      media_type: 'image/jpeg',
      data: Buffer.from(
        `\xff\xd8\xff\xda\0\x02 \xff\xd9${'film'.repeat(1_000)}`,
        'latin1',
      ).toString('base64'),
    }),
  ],
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

describe('the API accepts', () => {
  testAccepted(ACCEPTED);
});

test('a request to count tokens obeys the same rules', async () => {
  const { client } = await start(() => say('Not asked'));
  const { max_tokens: _, ...body } = talk(hello, assistant(call('a')), user(text('So')));
  expect(await errorOf(client.messages.countTokens(body as never))).toMatchObject({
    status: 400,
  });
});
