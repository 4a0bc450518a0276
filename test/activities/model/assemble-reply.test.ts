import { describe, expect, test } from 'vitest';
import type { ReplyEvent } from '../../../activities/model/assemble-reply.ts';
import { ReplyAssembly } from '../../../activities/model/assemble-reply.ts';
import type { ModelReply } from '../../../core/conversation/reply.ts';
import { block, messageDelta, messageStart, messageStop, text, toolUse } from './stream-events.ts';

function assemble(events: readonly ReplyEvent[]): ModelReply {
  const reply = new ReplyAssembly();
  // Each test gets events of its own: blocks are built in place.
  for (const event of structuredClone(events)) reply.add(event);
  return reply.finish('req_01');
}

const whole = (...blocks: readonly ReplyEvent[]) =>
  assemble([messageStart, ...blocks, messageDelta('end_turn'), messageStop]);
const asking = (...blocks: readonly ReplyEvent[]) =>
  assemble([messageStart, ...blocks, messageDelta('tool_use'), messageStop]);

test('a message that begins again in the same stream forgets what came of its inputs', () => {
  const reply = new ReplyAssembly();
  for (const event of structuredClone([messageStart, ...toolUse(0, 'toolu_a', '{"id":', '7}')])) {
    reply.add(event);
  }
  expect([reply.blocks.isComplete(0), reply.blocks.inputLength(0)]).toEqual([true, 8]);

  reply.add(structuredClone(messageStart));

  expect([reply.blocks.isComplete(0), reply.blocks.inputLength(0)]).toEqual([false, 0]);
});

describe('a whole reply', () => {
  test('has what its stream said of it', () => {
    expect(whole(...text(0, 'Hello'))).toEqual({
      id: 'msg_01',
      model: 'claude-opus-5-5',
      content: [{ type: 'text', text: 'Hello', citations: null }],
      stopReason: 'end_turn',
      stopSequence: null,
      stopDetails: null,
      usage: {
        input_tokens: 120,
        output_tokens: 42,
        cache_creation_input_tokens: 7,
        cache_read_input_tokens: 0,
      },
      requestId: 'req_01',
    });
  });

  test('joins the pieces of its texts', () => {
    const { content } = whole(...text(0, 'Hel', 'lo 🧵', ''), ...text(1, 'Bye'));

    expect(content).toMatchObject([{ text: 'Hello 🧵' }, { text: 'Bye' }]);
  });

  test('is the last one if the stream starts over', () => {
    const cutOff = toolUse(0, 'toolu_1', '{"half').slice(0, -1);

    expect(
      asking(...cutOff, messageStart, ...toolUse(0, 'toolu_2', '{"a":1}')).content,
    ).toMatchObject([{ id: 'toolu_2', input: { a: 1 } }]);
  });

  test('may be empty', () => {
    expect(whole().content).toEqual([]);
  });

  test('keeps thinking with its signature', () => {
    const { content } = whole(
      ...block(
        0,
        { type: 'thinking', thinking: '', signature: '' },
        { type: 'thinking_delta', thinking: 'Let me ' },
        { type: 'thinking_delta', thinking: 'see.' },
        { type: 'signature_delta', signature: 'EqQBCkYI' },
      ),
    );

    expect(content).toEqual([{ type: 'thinking', thinking: 'Let me see.', signature: 'EqQBCkYI' }]);
  });

  test('keeps thinking without its text, since the signature is the content', () => {
    const { content } = whole(
      ...block(
        0,
        { type: 'thinking', thinking: '', signature: '' },
        { type: 'signature_delta', signature: 'EqQBCkYI' },
      ),
    );

    expect(content).toEqual([{ type: 'thinking', thinking: '', signature: 'EqQBCkYI' }]);
  });

  test('keeps redacted thinking, which comes in one piece', () => {
    const redacted = { type: 'redacted_thinking', data: 'EmwKAhgB' } as const;

    expect(whole(...block(0, redacted)).content).toEqual([redacted]);
  });

  test('keeps citations in their order', () => {
    const citation = {
      type: 'char_location' as const,
      cited_text: 'Grass is green.',
      document_index: 0,
      document_title: null,
      start_char_index: 0,
      end_char_index: 15,
      file_id: null,
    };
    const second = { ...citation, cited_text: 'The sky is blue.' };

    const { content } = whole(
      ...block(
        0,
        { type: 'text', text: '', citations: [] },
        { type: 'text_delta', text: 'It is green' },
        { type: 'citations_delta', citation },
        { type: 'citations_delta', citation: second },
      ),
    );

    expect(content).toEqual([{ type: 'text', text: 'It is green', citations: [citation, second] }]);
  });

  test('parses the input of every call once it is complete', () => {
    const { content } = asking(
      ...text(0, 'I look.'),
      ...toolUse(1, 'toolu_1', '', '{"customer', '_id": 12', '34, "tags": ["a"]}'),
      ...toolUse(2, 'toolu_2', '{"n":1.50,"s":"\\ud83e\\uddf5"}'),
    );

    expect(content).toMatchObject([
      { type: 'text' },
      { type: 'tool_use', id: 'toolu_1', input: { customer_id: 1234, tags: ['a'] } },
      { type: 'tool_use', id: 'toolu_2', input: { n: 1.5, s: '🧵' } },
    ]);
  });

  test.for([
    ['no pieces', []],
    ['an empty piece', ['']],
    ['an empty object', ['{}']],
  ] as const)('has an empty input if a call comes with %s', ([, pieces]) => {
    expect(asking(...toolUse(0, 'toolu_1', ...pieces)).content).toMatchObject([{ input: {} }]);
  });

  test('keeps server tools and their results', () => {
    const search = {
      type: 'server_tool_use',
      id: 'srvtoolu_1',
      name: 'web_search',
      input: {},
      caller: { type: 'direct' },
    } as const;
    const found = {
      type: 'web_search_tool_result',
      tool_use_id: 'srvtoolu_1',
      content: [],
      caller: { type: 'direct' },
    } as const;

    const { content } = whole(
      ...block(0, search, { type: 'input_json_delta', partial_json: '{"query":"weather"}' }),
      ...block(1, { ...found, content: [] }),
    );

    expect(content).toEqual([{ ...search, input: { query: 'weather' } }, found]);
  });

  test('keeps the order of keys in blocks and inputs', () => {
    const begin = {
      caller: { type: 'direct' },
      input: {},
      name: 'a',
      id: 'toolu_1',
      type: 'tool_use',
    } as const;

    const { content } = asking(
      ...block(0, begin, { type: 'input_json_delta', partial_json: '{"z":1,"a":{"y":1,"b":2}}' }),
    );

    expect(JSON.stringify(content)).toBe(
      '[{"caller":{"type":"direct"},"input":{"z":1,"a":{"y":1,"b":2}},"name":"a","id":"toolu_1","type":"tool_use"}]',
    );
  });

  test('keeps blocks and fields of unknown kinds', () => {
    // What a newer API may send, and no type allows.
    const future = { type: 'block_of_the_future', data: { a: 1 }, state: 'x' };
    const events = [
      { type: 'content_block_start', index: 0, content_block: future },
      { type: 'content_block_delta', index: 0, delta: { type: 'delta_of_the_future', more: 1 } },
      { type: 'content_block_stop', index: 0 },
      { type: 'event_of_the_future' },
    ] as unknown as ReplyEvent[];

    expect(whole(...events).content).toEqual([{ ...future, more: 1 }]);
  });

  test('ignores a delta that does not belong to its block', () => {
    const { content } = whole(
      ...block(0, { type: 'redacted_thinking', data: 'x' }, { type: 'text_delta', text: 'lost' }),
      ...block(
        1,
        { type: 'text', text: 'kept', citations: null },
        { type: 'thinking_delta', thinking: 'lost' },
        { type: 'signature_delta', signature: 'lost' },
        { type: 'input_json_delta', partial_json: '{"lost":1}' },
      ),
    );

    expect(content).toEqual([
      { type: 'redacted_thinking', data: 'x' },
      { type: 'text', text: 'kept', citations: null },
    ]);
  });
});

const ended = (delta: ReplyEvent) => assemble([messageStart, delta, messageStop]);

describe('the end of a reply', () => {
  test('names the stop sequence, or says why the model declined', () => {
    const details = { type: 'refusal', category: 'cyber', explanation: null } as const;

    expect(ended(messageDelta('stop_sequence', { stop_sequence: 'END' }))).toMatchObject({
      stopReason: 'stop_sequence',
      stopSequence: 'END',
    });
    expect(ended(messageDelta('refusal', { stop_details: details }))).toMatchObject({
      stopReason: 'refusal',
      stopDetails: details,
    });
  });

  test('is unknown if no reason is given', () => {
    expect(ended(messageDelta(null)).stopReason).toBe('unknown');
  });

  test('may come in several deltas, and the last one counts', () => {
    const reply = assemble([
      messageStart,
      messageDelta(null, {}, { output_tokens: 9, input_tokens: 130 }),
      messageDelta('end_turn', {}, { output_tokens: 50, cache_read_input_tokens: 64 }),
      messageStop,
    ]);

    expect(reply).toMatchObject({
      stopReason: 'end_turn',
      usage: {
        input_tokens: 130,
        output_tokens: 50,
        cache_creation_input_tokens: 7,
        cache_read_input_tokens: 64,
      },
    });
    expect(reply.usage).not.toHaveProperty('cache_creation');
  });

  test('says how long the cache keeps what was written, if the API reports it', () => {
    const cache_creation = { ephemeral_5m_input_tokens: 3, ephemeral_1h_input_tokens: 4, later: 1 };
    const { message } = messageStart as Extract<typeof messageStart, { type: 'message_start' }>;
    const start = { ...message, usage: { ...message.usage, cache_creation } };

    const reply = assemble([
      { type: 'message_start', message: start },
      messageDelta('end_turn', {}, { output_tokens: 50 }),
      messageStop,
    ]);

    expect(reply.usage.cache_creation).toEqual({
      ephemeral_5m_input_tokens: 3,
      ephemeral_1h_input_tokens: 4,
    });
  });

  test('may come without usage', () => {
    // Servers that speak the API leave it out.
    const bare = { type: 'message_delta', delta: { stop_reason: 'end_turn' } };

    const reply = ended(bare as ReplyEvent);

    expect(reply).toMatchObject({ stopReason: 'end_turn', stopSequence: null, stopDetails: null });
    expect(reply.usage.output_tokens).toBe(1);
  });
});

const iterations = (...counts: [type: string, input: number, output: number][]) =>
  ({
    iterations: counts.map(([type, input_tokens, output_tokens]) => ({
      type,
      input_tokens,
      output_tokens,
      cache_creation_input_tokens: 3,
      cache_read_input_tokens: 2,
    })),
  }) as object;

describe('a reply before which the API has compacted the conversation', () => {
  const begin = { type: 'compaction', content: null, encrypted_content: null } as const;
  test('holds the summary as it came, with all of its fields', () => {
    const delta = {
      type: 'compaction_delta',
      content: 'So far.',
      encrypted_content: 'EqQB',
    } as const;
    const summary = { ...begin, signature: 's', tool_changes: [] };

    const { content } = whole(...block(0, summary, delta), ...text(1, 'Go on.'));

    expect(content[0]).toEqual({ ...summary, content: 'So far.', encrypted_content: 'EqQB' });
    expect(content[1]).toMatchObject({ text: 'Go on.' });
  });

  test('says so if there is no summary', () => {
    const failed = { type: 'compaction_delta', content: null, encrypted_content: null } as const;

    expect(whole(...block(0, begin, failed)).content).toEqual([begin]);
  });

  test('counts what the compactions have used, which the API leaves out', () => {
    const usage = iterations(
      ['compaction', 1_000, 50],
      ['message', 130, 9],
      ['compaction', 500, 20],
    );

    const reply = assemble([messageStart, messageDelta('end_turn', {}, usage), messageStop]);

    expect(reply.usage).toEqual({
      input_tokens: 120 + 1_500,
      output_tokens: 42 + 70,
      cache_creation_input_tokens: 7 + 6,
      cache_read_input_tokens: 4,
      cache_creation: { ephemeral_5m_input_tokens: 7 + 6, ephemeral_1h_input_tokens: 0 },
    });
  });

  test('counts them once if the stream reports them twice', () => {
    const first = messageDelta(null, {}, iterations(['compaction', 1_000, 50]));
    const second = messageDelta('end_turn', {}, iterations(['compaction', 1_000, 50]));

    const reply = assemble([messageStart, first, second, messageDelta('end_turn'), messageStop]);

    expect(reply.usage.input_tokens).toBe(1_120);
  });
});
