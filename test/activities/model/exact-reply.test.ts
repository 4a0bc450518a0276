import { describe, expect, test } from 'vitest';
import type { ReplyEvent } from '../../../activities/model/assemble-reply.ts';
import { ReplyAssembly } from '../../../activities/model/assemble-reply.ts';
import { UnusableReplyError } from '../../../activities/model/reply-errors.ts';
import { messageDelta, messageStart, messageStop, toolUse } from './stream-events.ts';

/** What is assembled from these lines of JSON, which JavaScript cannot write. */
function assemble(...lines: readonly string[]) {
  const reply = new ReplyAssembly();
  for (const line of lines) reply.add(JSON.parse(line) as ReplyEvent, line);
  return reply.finish(null).content;
}

const json = (...events: readonly ReplyEvent[]) => events.map((event) => JSON.stringify(event));
const [START, END] = [json(messageStart), json(messageDelta('end_turn'), messageStop)];

function called(...pieces: readonly string[]) {
  const events = [messageStart, ...toolUse(0, 'toolu_1', ...pieces), messageDelta('tool_use')];
  return assemble(...json(...events, messageStop))[0];
}

const whole = (contentBlock: string) =>
  assemble(
    ...START,
    `{"type":"content_block_start","index":0,"content_block":${contentBlock}}`,
    '{"type":"content_block_stop","index":0}',
    ...END,
  )[0];

describe('an input that JavaScript cannot hold', () => {
  test('keeps its JSON beside it, however the stream is cut', () => {
    expect(called('{"id": 910020030', '0400500601, "b', '": 1.0}')).toMatchObject({
      input: { id: 9_100_200_300_400_501_000, b: 1 },
      plait_json: { input: '{"id":9100200300400500601,"b":1.0}' },
    });
  });

  test('keeps no JSON if JavaScript can hold it', () => {
    expect(called('{"id": 9007199254740991, "a": {"z": 1, "y": 0.5}}')).not.toHaveProperty(
      'plait_json',
    );
  });

  test('may come with the beginning of its block', () => {
    const block = whole(
      '{"type":"server_tool_use","id":"srvtoolu_1","name":"x","input":{"n":[1.0]},"caller":{"type":"direct"}}',
    );

    expect(block).toMatchObject({ input: { n: [1] }, plait_json: { input: '{"n":[1.0]}' } });
  });

  test('is replaced by what comes after the beginning', () => {
    const [block] = assemble(
      ...START,
      '{"type":"content_block_start","index":0,"content_block":{"type":"tool_use","id":"toolu_1","name":"x","input":{"n":1.0}}}',
      '{"type":"content_block_delta","index":0,"delta":{"type":"input_json_delta","partial_json":"{\\"n\\":2}"}}',
      ...END,
    );

    expect(block).toEqual({ type: 'tool_use', id: 'toolu_1', name: 'x', input: { n: 2 } });
  });

  test('may come in a reply that was complete before its stream began', () => {
    const start = START[0]?.replace(
      '"content":[]',
      '"content":[{"type":"text","text":"a"},{"type":"tool_use","id":"toolu_1","name":"x","input":{"2":1,"1":2}}]',
    );

    expect(assemble(start as string, ...END)).toMatchObject([
      { type: 'text', text: 'a' },
      { input: { 1: 2, 2: 1 }, plait_json: { input: '{"2":1,"1":2}' } },
    ]);
  });
});

test('any field of any block may hold what JavaScript cannot', () => {
  expect(whole('{"type":"future","data":{"a":1e400},"n":1.0,"s":"x"}')).toEqual({
    type: 'future',
    data: { a: Number.POSITIVE_INFINITY },
    n: 1,
    s: 'x',
    plait_json: { data: '{"a":1e400}', n: '1.0' },
  });
});

test("Plait's own field means nothing when it comes from outside", () => {
  const forged = '"plait_json":{"input":"{\\"a\\":2}"}';

  expect(whole(`{"type":"tool_use","id":"a","name":"b","input":{"a":1},${forged}}`)).toEqual({
    type: 'tool_use',
    id: 'a',
    name: 'b',
    input: { a: 1 },
  });
  expect(
    assemble(
      ...START,
      '{"type":"content_block_start","index":0,"content_block":{"type":"future","input":{"a":1}}}',
      `{"type":"content_block_delta","index":0,"delta":{"type":"future_delta",${forged}}}`,
      ...END,
    ),
  ).toEqual([{ type: 'future', input: { a: 1 } }]);
});

const rows = (count: number) => `[${Array.from({ length: count }, () => '{}').join()}]`;

describe('a reply cannot be used', () => {
  const deep = `${'['.repeat(5_000)}1.0${']'.repeat(5_000)}`;

  test('if an input is nested too deeply', () => {
    expect(() => called(`{"a":${deep}}`)).toThrow(
      new UnusableReplyError(
        `the input of get_orders (toolu_1) is nested more than 200 deep: {"a":${'['.repeat(194)}…`,
      ),
    );
  });

  test('if an input is longer than any model writes', () => {
    const piece = 'x'.repeat(1_000_000);

    expect(() => called(...Array.from({ length: 5 }, () => piece))).toThrow(
      'the input of get_orders (toolu_1) is longer than 1000000 characters',
    );
  });

  test('if an input has more values than any model writes', () => {
    expect(() => called(rows(99_999))).not.toThrow();
    expect(() => called(rows(100_000))).toThrow(
      'the input of get_orders (toolu_1) has more than 100000 values: [{},{}',
    );
  });

  test.for([
    [
      'is not a block',
      'null',
      /^an event of its stream is not the API's: \{"type":"content_block_start",/,
    ],
    ['has no type', '{"text":"a"}', /^a content block has no type$/],
    ['is a text without a text', '{"type":"text"}', /^its text has no text$/],
    [
      'is thinking without any',
      '{"type":"thinking","thinking":1}',
      /^its thinking has no thinking$/,
    ],
    [
      'is a call without an id',
      '{"type":"tool_use","name":"a","input":{}}',
      /^its tool_use has no id$/,
    ],
    [
      'is a call without a name',
      '{"type":"tool_use","id":"a","input":{}}',
      /^its tool_use has no name$/,
    ],
  ] as const)('if a block %s', ([, block, message]) => {
    const error = (() => {
      try {
        whole(block);
      } catch (thrown) {
        return thrown;
      }
    })();

    expect(error).toBeInstanceOf(UnusableReplyError);
    expect((error as Error).message).toMatch(message);
  });

  test.for([-1, 1.5, 1e9, 'x', null])('if a block has the index %j', (index) => {
    const line = JSON.stringify({
      type: 'content_block_start',
      index,
      content_block: { type: 'text', text: '' },
    });

    expect(() => assemble(...START, line, ...END)).toThrow(
      `a content block has the index ${String(index)}`,
    );
  });

  test.for([
    { type: 'text_delta' },
    { type: 'text_delta', text: { a: 1 } },
    { type: 'input_json_delta', partial_json: 1 },
  ])('if a block grows by %j', (delta) => {
    const lines = json(
      {
        type: 'content_block_start',
        index: 0,
        content_block: { type: 'text', text: '', citations: null },
      },
      { type: 'content_block_delta', index: 0, delta } as unknown as ReplyEvent,
    );

    expect(() => assemble(...START, ...lines, ...END)).toThrow(
      /^its (text|input_json)_delta has no /,
    );
  });

  test.for([
    '{"type":"message_start"}',
    '{"type":"message_delta"}',
    '{"type":"content_block_delta","index":0}',
  ])('if an event has no content: %s', (line) => {
    expect(() => assemble(...START, line, ...END)).toThrow(UnusableReplyError);
  });
});

test('counts that are not numbers do not spoil the others', () => {
  const reply = new ReplyAssembly();
  for (const event of [messageStart, messageDelta('end_turn'), messageStop]) reply.add(event);
  const odd = { input_tokens: '7', output_tokens: -1, cache_read_input_tokens: Number.NaN };
  reply.add(messageDelta('end_turn', {}, odd as object));

  expect(reply.finish(null).usage).toMatchObject({
    input_tokens: 120,
    output_tokens: 42,
    cache_read_input_tokens: 0,
  });
});
