import { describe, expect, test } from 'vitest';
import * as fc from 'fast-check';
import type { Message } from '../../../core/conversation/messages.ts';
import type { Attributes } from '../../../core/trace/chat.ts';
import {
  callAttributes,
  callContent,
  chatAttributes,
  chatContent,
} from '../../../core/trace/content.ts';
import { CallsSaid } from '../../../core/trace/said.ts';

type Said = Parameters<typeof chatContent>[0];

const chat = (said: Said, limit = 10_000) => chatAttributes(chatContent(said, limit), limit);
const call = (input: unknown, result?: Parameters<typeof callContent>[1], limit = 10_000) =>
  callAttributes(callContent(input, result), limit);

const parsed = (attributes: Attributes) =>
  Object.fromEntries(
    Object.entries(attributes).map(([name, value]) => [
      name.replace('gen_ai.', ''),
      typeof value === 'string' ? (JSON.parse(value) as unknown) : value,
    ]),
  );

const bytes = (attributes: Attributes) =>
  Object.values(attributes).reduce<number>(
    (sum, value) => sum + (typeof value === 'string' ? Buffer.byteLength(value) : 0),
    0,
  );

const size = (said: Said) => bytes(chat(said));

const text = (content: string) => ({ type: 'text', content });

const message = (content: string): Message => ({ role: 'user', content });

describe('the content of a request', () => {
  test('is the system prompt, the conversation and the reply, in the form of the conventions', () => {
    const attributes = chat({
      system: 'Be kind.',
      input: [
        { role: 'user', content: 'Hello' },
        {
          role: 'assistant',
          content: [
            { type: 'thinking', thinking: 'Hm.', signature: 'signed' },
            { type: 'redacted_thinking', data: 'secret' },
            { type: 'tool_use', id: 'toolu_1', name: 'look', input: { at: 'sky' } },
          ],
        },
        {
          role: 'user',
          content: [
            {
              type: 'tool_result',
              tool_use_id: 'toolu_1',
              content: [
                { type: 'text', text: 'blue' },
                {
                  type: 'image',
                  source: { type: 'base64', media_type: 'image/png', data: 'AAAA' },
                },
              ],
            },
            { type: 'tool_result', tool_use_id: 'toolu_2', content: 'seen' },
            { type: 'tool_result', tool_use_id: 'toolu_3' },
            { type: 'document', source: { type: 'url', url: 'https://example.com/a.pdf' } },
          ],
        },
      ],
      output: [{ type: 'text', text: 'It is blue.' }],
    });
    expect(parsed(attributes)).toEqual({
      system_instructions: [text('Be kind.')],
      'input.messages': [
        { role: 'user', parts: [text('Hello')] },
        {
          role: 'assistant',
          parts: [
            { type: 'reasoning', content: 'Hm.' },
            { type: 'anthropic_redacted_thinking' },
            { type: 'tool_call', id: 'toolu_1', name: 'look', arguments: { at: 'sky' } },
          ],
        },
        {
          role: 'user',
          parts: [
            {
              type: 'tool_call_response',
              id: 'toolu_1',
              response: [{ type: 'text', text: 'blue' }, { type: 'image' }],
            },
            {
              type: 'tool_call_response',
              id: 'toolu_2',
              response: [{ type: 'text', text: 'seen' }],
            },
            { type: 'tool_call_response', id: 'toolu_3', response: [] },
            { type: 'anthropic_document' },
          ],
        },
      ],
      'output.messages': [{ role: 'assistant', parts: [text('It is blue.')] }],
    });
  });

  test("has what the API's tools have found, without what only the API can read", () => {
    const attributes = chat({
      input: [],
      output: [
        { type: 'server_tool_use', id: 'srvtoolu_1', name: 'web_search', input: { query: 'sky' } },
        {
          type: 'web_search_tool_result',
          tool_use_id: 'srvtoolu_1',
          content: [
            { type: 'web_search_result', url: 'https://example.com', encrypted_content: 'xyz' },
          ],
        },
        {
          type: 'code_execution_tool_result',
          tool_use_id: 'srvtoolu_2',
          content: {
            type: 'code_execution_result',
            stdout: '4',
            content: [{ type: 'image', b: 1 }],
          },
        },
      ],
    });
    expect(parsed(attributes)).toEqual({
      'output.messages': [
        {
          role: 'assistant',
          parts: [
            {
              type: 'tool_call',
              id: 'srvtoolu_1',
              name: 'web_search',
              arguments: { query: 'sky' },
            },
            {
              type: 'tool_call_response',
              id: 'srvtoolu_1',
              response: [{ type: 'web_search_result', url: 'https://example.com' }],
            },
            {
              type: 'tool_call_response',
              id: 'srvtoolu_2',
              response: [
                { type: 'code_execution_result', stdout: '4', content: [{ type: 'image' }] },
              ],
            },
          ],
        },
      ],
    });
  });

  const input: Message[] = ['one', 'two', 'three'].map((content) => ({ role: 'user', content }));
  const output = [{ type: 'text', text: 'four' }];

  test('that is too long loses the system prompt first, and then the oldest messages', () => {
    const whole = { system: 'zero', input, output };
    expect(chat(whole, size(whole) + 9)).not.toHaveProperty(['anthropic.content.truncated']);
    expect(parsed(chat(whole, size(whole) - 1))).toEqual({
      'anthropic.content.truncated': true,
      ...parsed(chat({ input, output })),
    });
    const newer = { input: input.slice(1), output };
    expect(parsed(chat(whole, size(newer) + 9))).toEqual({
      'anthropic.content.truncated': true,
      ...parsed(chat(newer)),
    });
    const reply = { input: [], output };
    expect(parsed(chat({ system: 'zero', input: [], output }, size(reply) + 9))).toEqual({
      'anthropic.content.truncated': true,
      ...parsed(chat(reply)),
    });
  });

  test('that is too long has no message older than one that does not fit', () => {
    const newer = { input: [message('three')], output };
    const whole = { input: [message('one'), message('2'.repeat(500)), message('three')], output };
    // Collected for a higher limit than the attributes have: so the oldest message is still there.
    const attributes = chatAttributes(chatContent(whole, 10_000), 300);
    expect(parsed(attributes)).toEqual({
      'anthropic.content.truncated': true,
      ...parsed(chat(newer)),
    });
  });

  test('that is a single long part has the beginning of its text', () => {
    const attributes = chat({ input, output: [{ type: 'text', text: 'abc😀'.repeat(100) }] }, 100);
    expect(bytes(attributes)).toBeLessThanOrEqual(100);
    expect(parsed(attributes)).toMatchObject({
      'anthropic.content.truncated': true,
      'output.messages': [{ parts: [{ content: expect.stringMatching(/^abc😀abc/) as string }] }],
    });
    expect(Object.keys(attributes)).not.toContain('gen_ai.input.messages');
    const thought = chat({ input: [], output: [{ type: 'thinking', thinking: 'long' }] }, 10);
    expect(thought).toEqual({ 'anthropic.content.truncated': true });
  });

  test('is never longer than its limit, and every attribute is JSON', () => {
    const said = fc.record({
      system: fc.option(fc.string({ unit: 'binary' }), { nil: undefined }),
      input: fc.array(
        fc.record({ role: fc.constant('user' as const), content: fc.string({ unit: 'binary' }) }),
      ),
      output: fc.array(
        fc.record({ type: fc.constant('text'), text: fc.string({ unit: 'binary' }) }),
      ),
    });
    fc.assert(
      fc.property(said, fc.integer({ min: 1, max: 400 }), (some, limit) => {
        const attributes = chat(some, limit);
        expect(bytes(attributes)).toBeLessThanOrEqual(limit);
        parsed(attributes);
      }),
    );
  });
});

describe('the content of a call', () => {
  test('is its input and the blocks of its result', () => {
    expect(call({ at: 'sky' }, 'blue')).toEqual({
      'gen_ai.tool.call.arguments': '{"at":"sky"}',
      'gen_ai.tool.call.result': '[{"type":"text","text":"blue"}]',
    });
    expect(call({})).toEqual({ 'gen_ai.tool.call.arguments': '{}' });
    expect(call(undefined, 'late')).toEqual({
      'gen_ai.tool.call.result': '[{"type":"text","text":"late"}]',
    });
  });

  test('that is too long has the beginning of the result, and leaves out arguments that would be cut', () => {
    const blocks = ['a', 'b', 'c'].map((letter) => ({ type: 'text', text: letter.repeat(50) }));
    const cut = call({}, blocks, 150);
    expect(bytes(cut)).toBeLessThanOrEqual(150);
    expect(parsed(cut)).toMatchObject({
      'anthropic.content.truncated': true,
      'tool.call.result': [blocks[0], { text: expect.stringMatching(/^b+$/) as string }],
    });
    expect(call({ long: 'x'.repeat(100) }, 'short', 60)).toEqual({
      'gen_ai.tool.call.result': '[{"type":"text","text":"short"}]',
      'anthropic.content.truncated': true,
    });
    expect(call({}, '😀'.repeat(50), 30)).toEqual({
      'gen_ai.tool.call.arguments': '{}',
      'anthropic.content.truncated': true,
    });
  });
});

const answered = (id: string, content: string): Message => ({
  role: 'user',
  content: [{ type: 'tool_result', tool_use_id: id, content }],
});

describe('what was said about calls', () => {
  test('is found in replies and in the messages after them, for the requested calls', () => {
    const said = new CallsSaid(['a', 'b', 'c', 'd']);
    said.addReply([
      { type: 'text' },
      ...['a', 'b', 'x'].map((id) => ({ type: 'tool_use', id, name: 'look', input: { id } })),
    ]);
    said.addMessages([
      { role: 'user', content: 'go' },
      answered('a', 'shown'),
      answered('x', 'other'),
      { role: 'user', content: [{ type: 'text', text: 'and then?' }] },
      { role: 'user', content: [{ type: 'tool_result', tool_use_id: 'd' }] },
    ]);
    said.addStarted('a', 'edited');
    said.addStarted('c', 'begun');
    said.addReturned('a', 'whole');
    said.addReturned('b', 'whole');
    expect([said.has('a'), said.has('x')]).toEqual([true, false]);
    expect([...said.contents()]).toEqual([
      ['a', callContent({ id: 'a' }, 'shown')],
      // The turn has ended before the model was given it.
      ['b', callContent({ id: 'b' }, 'whole')],
      // An earlier run has the reply.
      ['c', callContent('begun', undefined)],
      ['d', callContent(undefined, '')],
    ]);
  });
});
