import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { areMessages } from '../../../core/conversation/acceptable.ts';
import { isRecord } from '../../../core/json.ts';
import { findInputProblem, findOpeningProblem, openingMessages } from '../../../core/turn/input.ts';
import { rejection } from '../../../testing/rejections.ts';
import { imageBlock, png } from '../../fixtures/images.ts';

// What people begin a turn or a session with is checked by rules of core/, and the scripted server has the
// API's rules, written from its documentation. Whatever the server rejects, core/ must reject as well: the
// API would reject it with every request of that conversation.

type Json = Record<string, unknown>;

/** Tools of the API that conversations here use. */
const TOOLS = [
  { type: 'web_search_20260209', name: 'web_search' },
  { name: 'look', input_schema: { type: 'object' } },
];

function rejectedByServer(messages: readonly unknown[]): string | undefined {
  const body = { model: 'claude-opus-5-5', max_tokens: 1_000, tools: TOOLS, messages };
  return rejection(body)?.message;
}

const next = { role: 'user', content: 'and then' };
const user = (...content: unknown[]) => ({ role: 'user', content });
const assistant = (...content: unknown[]) => ({ role: 'assistant', content });
const text = (words: string, extra: object = {}) => ({ type: 'text', text: words, ...extra });
const call = (id: string, extra: object = {}) => ({
  type: 'tool_use',
  id,
  name: 'look',
  input: { a: 1 },
  ...extra,
});
const result = (id: string, extra: object = {}) => ({
  type: 'tool_result',
  tool_use_id: id,
  content: 'seen',
  ...extra,
});
const answered = (...asked: object[]) => [
  user(text('Look.')),
  assistant(text('I look.'), ...asked),
  user(...asked.map((one) => result((one as { id: string }).id))),
  assistant(text('Done.')),
];

const exact = (plait_json: unknown) =>
  findOpeningProblem(answered(call('toolu_1', { input: { a: 1 }, plait_json })));

describe("Plait's own field of a block", () => {
  test('may be there if it says the same as the block', () => {
    expect(exact({ input: '{"a":1.0}' })).toBeUndefined();
    expect(exact({})).toBeUndefined();
  });

  test.for([{ input: '{"a":2}' }, { input: '{"a":1' }, { output: '1' }, 'x', null])(
    'is invalid if it says something else: %j',
    (plait_json) => {
      expect(exact(plait_json)).toBe(
        'messages[1].content[1].plait_json differs from its block: leave it out when you change the block',
      );
    },
  );
});

test('if many calls have no result, the first ones are named', () => {
  const calls = Array.from({ length: 9 }, (_, i) => call(`toolu_${i}`, { input: {} }));
  expect(findOpeningProblem([user(text('Look.')), assistant(...calls), user(text('And?'))])).toBe(
    'messages[1] asks for toolu_0, toolu_1, toolu_2, toolu_3, toolu_4 and 4 more, and the next message has no tool_result for it',
  );
});

describe('a session cannot begin with what the API rejects', () => {
  test.for<[what: string, messages: unknown, problem: RegExp]>([
    ['null', null, /must be a list of messages/],
    [
      'a content of null',
      [{ role: 'user', content: null }],
      /messages\[0\]\.content must be a text/,
    ],
    ['no content', [{ role: 'user' }], /messages\[0\]\.content must be a text/],
    ['a content that is a number', [{ role: 'user', content: 5 }], /content must be a text/],
    ['an empty text', [{ role: 'user', content: '' }], /messages\[0\] is empty/],
    ['a blank text', [{ role: 'user', content: ' \n' }], /messages\[0\] is empty/],
    ['no blocks', [user()], /messages\[0\] is empty/],
    ['a blank block of the user', [user(text(' '))], /content\[0\]\.text must hold a text/],
    ['a reply that is blank', [user(text('a')), assistant(text(''))], /text must hold a text/],
    [
      'an input as text',
      answered(call('toolu_1', { input: '{"a":1}' })),
      /input must be an object/,
    ],
    ['an input that is missing', answered(call('toolu_1', { input: undefined })), /input must be/],
    [
      'an input that is a list',
      answered(call('toolu_1', { input: [] })),
      /input must be an object/,
    ],
    ['an id with a colon', answered(call('call:1')), /content\[1\]\.id must match/],
    ['an id that is a number', answered(call(7 as never)), /content\[1\]\.id must match/],
    ['a tool without a name', answered(call('toolu_1', { name: '' })), /content\[1\]\.name must/],
    [
      'a result that is an object',
      [user(text('a')), assistant(call('toolu_1')), user(result('toolu_1', { content: { a: 1 } }))],
      /content\[0\]\.content must be/,
    ],
    [
      'a result that is null',
      [user(text('a')), assistant(call('toolu_1')), user(result('toolu_1', { content: null }))],
      /content\[0\]\.content must be/,
    ],
    [
      'a compaction without a summary',
      [user(text('a')), assistant({ type: 'compaction', content: '' }, text('b'))],
      /content\[0\]\.content must not be empty/,
    ],
    [
      'a result with a part that is no block',
      [user(text('a')), assistant(call('toolu_1')), user(result('toolu_1', { content: [5] }))],
      /content\[0\]\.content\[0\] must be a content block/,
    ],
    [
      'a result with a block that no result holds',
      [
        user(text('a')),
        assistant(call('toolu_1')),
        user(result('toolu_1', { content: [call('toolu_2')] })),
      ],
      /content\[0\]\.content\[0\]\.type must be one of text, image/,
    ],
    [
      'an error without words',
      [
        user(text('a')),
        assistant(call('toolu_1')),
        user(result('toolu_1', { is_error: true, content: '' })),
      ],
      /is an error with no content/,
    ],
    [
      'an error with an image',
      [
        user(text('a')),
        assistant(call('toolu_1')),
        user(result('toolu_1', { is_error: true, content: [imageBlock(png())] })),
      ],
      /an error can hold only text/,
    ],
    [
      'the whole reply of the SDK',
      [
        user(text('a')),
        {
          id: 'msg_1',
          type: 'message',
          role: 'assistant',
          model: 'claude-opus-5-5',
          content: [text('Hi.')],
          stop_reason: 'end_turn',
          stop_sequence: null,
          usage: {},
        },
      ],
      /whole reply of the API.*content: reply\.content/,
    ],
    [
      'a message with a name',
      [{ ...user(text('a')), name: 'Ana' }],
      /unknown field messages\[0\]\.name/,
    ],
    [
      'a block with one more key',
      [user(text('a', { id: 1 }))],
      /unknown field messages\[0\]\.content\[0\]\.id/,
    ],
    [
      'a block of no known type',
      [user({ type: 'input_text', text: 'a' })],
      /type must be one of text/,
    ],
    ['a block without a type', [user({ text: 'a' })], /type must be one of text/],
    [
      'a role of another API',
      [{ role: 'tool', content: 'x' }],
      /role must be user, assistant or system/,
    ],
    ['a call without a result', [user(text('a')), assistant(call('toolu_1'))], /asks for toolu_1/],
    ['a result without a call', [user(result('toolu_1'))], /answers toolu_1/],
    [
      'a server call without its result',
      [
        user(text('a')),
        assistant(
          { type: 'server_tool_use', id: 'srvtoolu_1', name: 'web_search', input: {} },
          text('I search.'),
        ),
      ],
      /the call srvtoolu_1 of web_search without its result/,
    ],
    [
      'a call by code',
      [
        user(text('a')),
        assistant(call('toolu_1', { caller: { type: 'code_execution_20260120', tool_id: 'x' } })),
        user(result('toolu_1')),
      ],
      /made by code/,
    ],
    [
      'thinking at the end of a reply',
      [user(text('a')), assistant({ type: 'thinking', thinking: '', signature: 's' })],
      /ends with thinking/,
    ],
    ['a system message first', [{ role: 'system', content: 'Be brief.' }], /nothing before it/],
    [
      'a system message behind a reply',
      [user(text('a')), assistant(text('b')), { role: 'system', content: 'Be brief.' }],
      /follows the assistant/,
    ],
    [
      'a system message with an image',
      [user(text('a')), { role: 'system', content: [imageBlock(png())] }, assistant(text('b'))],
      /a system message can hold only text/,
    ],
    ['citations of the user', [user(text('a', { citations: [{ type: 'x' }] }))], /has citations/],
    [
      'a document of the assistant',
      [
        user(text('a')),
        assistant({ type: 'document', source: { type: 'url', url: 'https://a.b' } }),
      ],
      /has a document/,
    ],
    ['an image without a source', [user({ type: 'image' })], /source\.type must be one of/],
    [
      'an image of another kind',
      [user({ type: 'image', source: { type: 'base64', media_type: 'image/tiff', data: 'AA==' } })],
      /media_type must be one of/,
    ],
    [
      'an image whose bytes are not an image',
      [user({ type: 'image', source: { type: 'base64', media_type: 'image/png', data: 'AA==' } })],
      /\[0\]\.content\[0\] is declared as image\/png/,
    ],
    [
      'five marks of the cache',
      [user(...[1, 2, 3, 4, 5].map((n) => text(`${n}`, { cache_control: { type: 'ephemeral' } })))],
      /5 blocks with cache_control/,
    ],
    [
      'a mark of another kind',
      [user(text('a', { cache_control: { type: 'for ever' } }))],
      /cache_control\.type must be ephemeral/,
    ],
    [
      'the result of an action as that of a tool',
      [
        user(text('a')),
        assistant(call('toolu_1', { toolset_name: 'computer' })),
        user(result('toolu_1')),
      ],
      /toolset_name must be "computer"/,
    ],
    [
      'a result that holds nothing',
      [user(text('a')), assistant(call('toolu_1')), user(result('toolu_1', { content: [null] }))],
      /content\[0\]\.content\[0\] must be a content block/,
    ],
    [
      'the tabs of a browser in the result of a tool',
      [
        user(text('a')),
        assistant(call('toolu_1')),
        user(result('toolu_1', { content: [{ type: 'browser_state', tabs: [] }] })),
      ],
      /one browser_state, and only as the result of a browser action/,
    ],
    [
      'a document in the result of an action',
      [
        user(text('a')),
        assistant(call('toolu_1', { toolset_name: 'browser' })),
        user(
          result('toolu_1', {
            toolset_name: 'browser',
            content: [{ type: 'document', source: { type: 'url', url: 'https://a.b' } }],
          }),
        ),
      ],
      /is the result of an action and holds a document/,
    ],
    [
      'marks of the cache in the wrong order',
      [
        user(
          text('a', { cache_control: { type: 'ephemeral' } }),
          text('b', { cache_control: { type: 'ephemeral', ttl: '1h' } }),
        ),
      ],
      /a cache_control of 1h after one of 5m/,
    ],
    [
      'an image of the assistant whose bytes are not an image',
      [
        user(text('a')),
        assistant(
          { type: 'image', source: { type: 'base64', media_type: 'image/png', data: 'AA==' } },
          text('b'),
        ),
      ],
      /\[1\]\.content\[0\] is declared as image\/png/,
    ],
    [
      'an image of the assistant whose bytes are not an image, behind a blank text',
      [
        user(text('a')),
        assistant(text(' '), {
          type: 'image',
          source: { type: 'base64', media_type: 'image/png', data: 'AA==' },
        }),
      ],
      /\[1\]\.content\[1\] is declared as image\/png/,
    ],
    [
      'more messages than the API takes',
      Array.from({ length: 100_001 }, () => next),
      /100002 messages are too many: the API accepts 100000/,
    ],
  ])('%s', ([what, messages, problem]) => {
    expect(findOpeningProblem(messages)).toMatch(problem);
    if (what.startsWith('more')) return;
    if (!Array.isArray(messages)) return;
    expect(rejectedByServer([...(messages as unknown[]), next])).toBeDefined();
    // The same as the input of a turn.
    expect(() =>
      openingMessages({ agent: 'a', input: [...(messages as unknown[]), next] }),
    ).toThrow(problem);
  });
});

test('a session begins with a result that is a list of blocks', () => {
  const read = result('toolu_1', { content: [text('seen'), text('twice')] });
  const messages = [user(text('a')), assistant(call('toolu_1')), user(read), assistant(text('b'))];
  expect(findOpeningProblem(messages)).toBeUndefined();
  expect(rejectedByServer([...messages, next])).toBeUndefined();
});

test.for([
  ['messages', [user(text('a')), assistant(text(' '), call('toolu_1'))], true],
  ['blocks', [text('a')], false],
  ['nothing', [null], false],
  ['a text', 'a', false],
] as const)('a list of messages is recognized: %s', ([, given, are]) => {
  expect(areMessages(given)).toBe(are);
});

test.for([
  ['a text', 'no such order'] as const,
  ['texts', [text('no such'), text('order')]] as const,
])('a session begins with an error that is %s', ([, content]) => {
  const failed = result('toolu_1', { is_error: true, content });
  const messages = [
    user(text('a')),
    assistant(call('toolu_1')),
    user(failed),
    assistant(text('b')),
  ];
  expect(findOpeningProblem(messages)).toBeUndefined();
  expect(rejectedByServer([...messages, next])).toBeUndefined();
});

// What the API says of it is not known.
test('an error without its content is rejected like an empty one', () => {
  const failed = { type: 'tool_result', tool_use_id: 'toolu_1', is_error: true };
  const messages = [user(text('a')), assistant(call('toolu_1')), user(failed)];
  expect(findOpeningProblem(messages)).toMatch(/is an error with no content/);
});

test('a conversation of 60,000 messages is checked to the end', () => {
  const messages = Array.from({ length: 60_000 }, (_, i) => ({
    role: i % 2 === 0 ? 'user' : 'assistant',
    content: [text('Go on.')],
  }));
  expect(findOpeningProblem(messages)).toBeUndefined();
});

test('a blank text that the API has sent beside a call is left out', () => {
  const messages = [
    user(text('a')),
    assistant(text(''), call('toolu_1')),
    user(result('toolu_1')),
    next,
  ];
  expect(findOpeningProblem(messages.slice(0, 3))).toBeUndefined();
  const opening = openingMessages({ agent: 'a', input: messages });
  expect(opening[1]).toEqual(assistant(call('toolu_1')));
  expect(rejectedByServer(opening)).toBeUndefined();
});

const anyText = fc.oneof(fc.constantFrom('a', '', ' ', 'Look.'), fc.string({ maxLength: 5 }));
const anyId = fc.constantFrom('toolu_1', 'toolu_2', 'toolu_3', 'call:1', '');
const junk = fc.jsonValue({ maxDepth: 1 });
const optionally = (arbitrary: fc.Arbitrary<unknown>) =>
  fc.oneof({ weight: 4, arbitrary: fc.constant(undefined) }, { weight: 1, arbitrary });
const mark = fc.constantFrom<unknown>(
  { type: 'ephemeral' },
  { type: 'ephemeral', ttl: '1h' },
  { type: 'other' },
  null,
);
const source = fc.oneof(
  fc.constantFrom<unknown>(
    imageBlock(png()).source,
    { type: 'url', url: 'https://example.com/a.png' },
    { type: 'text', media_type: 'text/plain', data: 'words' },
    { type: 'base64', media_type: 'image/png', data: 'AAAA' },
    { type: 'file' },
  ),
  junk,
);

const anyBlock: fc.Arbitrary<Json> = fc
  .oneof<fc.Arbitrary<Json>[]>(
    fc.record({ type: fc.constant('text'), text: anyText, citations: optionally(junk) }),
    fc.record({
      type: fc.constant('tool_use'),
      id: anyId,
      name: fc.constantFrom('look', '', 'a b'),
      input: fc.oneof(fc.constant({}), junk),
      toolset_name: optionally(fc.constantFrom('browser', 'computer', null)),
    }),
    fc.record({
      type: fc.constant('tool_result'),
      tool_use_id: anyId,
      content: fc.oneof(
        anyText,
        fc.constant(undefined),
        fc.array(fc.record({ type: fc.constantFrom('text', 'image', 'zzz'), text: anyText }), {
          maxLength: 2,
        }),
        junk,
      ),
      is_error: optionally(fc.boolean()),
      toolset_name: optionally(fc.constantFrom('browser', 'computer', null)),
    }),
    fc.record({ type: fc.constantFrom('image', 'document'), source }),
    fc.record({ type: fc.constant('thinking'), thinking: anyText, signature: anyText }),
    fc.record({ type: fc.constant('redacted_thinking'), data: anyText }),
    fc.record({
      type: fc.constant('server_tool_use'),
      id: fc.constantFrom('srvtoolu_1', 'srvtoolu_2'),
      name: fc.constant('web_search'),
      input: fc.constant({}),
    }),
    fc.record({
      type: fc.constant('web_search_tool_result'),
      tool_use_id: fc.constantFrom('srvtoolu_1', 'srvtoolu_2'),
      content: fc.constant([]),
    }),
    fc.record({ type: anyText }),
  )
  .chain((block) =>
    fc
      .record({ cache_control: optionally(mark), extra: optionally(fc.constant(1)) })
      .map((more) => withoutUndefined({ ...block, ...more })),
  );

/** JSON has none. */
function withoutUndefined(value: Json): Json {
  return Object.fromEntries(Object.entries(value).filter(([, one]) => one !== undefined));
}

const anyMessage = fc.oneof(
  {
    weight: 12,
    arbitrary: fc.record({
      role: fc.constantFrom('user', 'assistant', 'user', 'assistant', 'system'),
      content: fc.oneof(anyText, fc.array(anyBlock, { maxLength: 3 })),
    }),
  },
  { weight: 1, arbitrary: fc.dictionary(fc.constantFrom('role', 'content', 'name'), junk) },
);

/** A conversation that the API takes, with one thing in it that may be another. */
const nearlyRight = fc
  .constantFrom<unknown[]>(
    [...answered(call('toolu_1'), call('toolu_2')), ...answered(call('toolu_3'))],
    [
      user(text('a'), imageBlock(png())),
      assistant(
        { type: 'thinking', thinking: '', signature: 's' },
        { type: 'server_tool_use', id: 'srvtoolu_1', name: 'web_search', input: {} },
        { type: 'web_search_tool_result', tool_use_id: 'srvtoolu_1', content: [] },
        text('Found.', { citations: null }),
      ),
      user(text('b')),
      { role: 'system', content: 'Be brief.' },
      assistant(text('c')),
    ],
  )
  .chain((messages) =>
    fc
      .tuple(fc.constantFrom(...places(messages)), fc.oneof(junk, anyBlock, anyMessage, anyText))
      .map(([path, other]) => replaced(messages, path, other) as unknown[]),
  );

function places(value: unknown): string[][] {
  if (typeof value !== 'object' || value === null) return [[]];
  return Object.entries(value).flatMap(([key, inner]) => [
    [key],
    ...places(inner).map((path) => [key, ...path]),
  ]);
}

function replaced(value: unknown, [key, ...path]: string[], other: unknown): unknown {
  if (key === undefined) return other;
  if (Array.isArray(value)) {
    return value.map((item, i): unknown =>
      String(i) === key ? replaced(item, path, other) : item,
    );
  }
  const record = value as Json;
  return { ...record, [key]: replaced(record[key], path, other) };
}

/** The one rule that is not checked at the door: such a text is moved when the API rejects it. */
function talksOverCalls(messages: readonly unknown[]): boolean {
  return messages.some((message) => {
    if (!isRecord(message)) return false;
    const { role, content } = message;
    if (role !== 'assistant' || !Array.isArray(content)) return false;
    const types = content.map((block) => (isRecord(block) ? block['type'] : undefined));
    return types.some((type, i) => type === 'tool_use' && types.slice(i).includes('text'));
  });
}

const agrees = (messages: unknown[]) => {
  const json = JSON.parse(JSON.stringify(messages)) as unknown[];
  fc.pre(!talksOverCalls(json));
  if (findOpeningProblem(json) !== undefined) return;
  const opening = openingMessages({ agent: 'a', input: [...json, next] });
  expect(rejectedByServer(opening)).toBeUndefined();
};

describe('core rejects everything that the scripted server rejects:', () => {
  test('in arbitrary messages', () => {
    fc.assert(fc.property(fc.array(anyMessage, { maxLength: 4 }), agrees), { numRuns: 2_000 });
  });

  test('in a conversation that is nearly right', () => {
    fc.assert(fc.property(nearlyRight, agrees), { numRuns: 2_000 });
  });

  test('in one message of a session', () => {
    fc.assert(
      fc.property(fc.oneof(anyText, fc.array(anyBlock, { maxLength: 3 })), (input) => {
        if (findInputProblem(input) !== undefined) return;
        expect(rejectedByServer([{ role: 'user', content: input }])).toBeUndefined();
      }),
      { numRuns: 2_000 },
    );
  });
});
