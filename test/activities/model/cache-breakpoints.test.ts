import type { MessageParam } from '@anthropic-ai/sdk/resources/messages';
import { expect, test } from 'vitest';
import { requestParams } from '../../../activities/model/request-params.ts';
import type { AgentSpec } from '../../../core/agent-spec.ts';
import { rejection } from '../../../testing/rejections.ts';

const MARK = { type: 'ephemeral' as const };
const HOUR = { type: 'ephemeral' as const, ttl: '1h' as const };

const tool = (name: string) => ({
  name,
  description: `Does ${name}.`,
  input_schema: { type: 'object' as const },
});
const SPEC: AgentSpec = {
  model: 'claude-opus-5-5',
  max_tokens: 1_000,
  system: 'You help.',
  tools: [tool('a'), tool('b')],
};
const { system: _, ...UNPROMPTED } = SPEC;

const question: MessageParam = { role: 'user', content: 'Hello' };
const call = (id: string): MessageParam => ({
  role: 'assistant',
  content: [{ type: 'tool_use', id, name: 'a', input: {} }],
});
const result = (id: string, cache_control?: typeof MARK): MessageParam => ({
  role: 'user',
  content: [
    {
      type: 'tool_result',
      tool_use_id: id,
      content: [{ type: 'text', text: 'x', ...(cache_control && { cache_control }) }],
      ...(cache_control && { cache_control }),
    },
  ],
});

test('the beginning of a conversation is marked at its end and after the system prompt', () => {
  expect(requestParams(SPEC, [question])).toEqual({
    ...SPEC,
    cache_control: MARK,
    system: [{ type: 'text', text: 'You help.', cache_control: MARK }],
    messages: [question],
  });
});

test('without a system prompt, the last tool that is not loaded later is marked', () => {
  const later = { ...tool('c'), defer_loading: true };
  const { tools } = requestParams({ ...UNPROMPTED, tools: [tool('a'), tool('b'), later] }, [
    question,
  ]);
  expect(tools).toEqual([tool('a'), { ...tool('b'), cache_control: MARK }, later]);
});

test('a mark is where the previous request ended, and the reply after it stays as it came', () => {
  const messages = [question, call('t1'), result('t1'), call('t2'), result('t2')];
  const sent = requestParams(SPEC, messages).messages;
  expect(sent.map((message) => JSON.stringify(message).includes('cache_control'))).toEqual([
    false,
    false,
    true,
    false,
    false,
  ]);
  expect(sent[1]).toBe(messages[1]);
  expect(sent[3]).toBe(messages[3]);
});

test('a text becomes a block so that it can be marked', () => {
  const sent = requestParams(SPEC, [question, call('t1'), result('t1')]).messages;
  expect(sent[0]?.content).toEqual([{ type: 'text', text: 'Hello', cache_control: MARK }]);
});

test('existing marks in the messages are left out, so that there are never too many', () => {
  const ids = Array.from({ length: 9 }, (_, i) => `t${i}`);
  const messages = [question, ...ids.flatMap((id) => [call(id), result(id, MARK)])];
  const before = JSON.stringify(messages);
  const params = requestParams({ ...SPEC, cache: { ttl: '1h' } }, messages);
  expect(rejection({ ...params, stream: true })).toBeUndefined();
  expect(JSON.stringify(params).match(/"cache_control"/g)).toHaveLength(3);
  expect(params).toMatchObject({ cache_control: HOUR });
  expect(JSON.stringify(messages)).toBe(before);
});

test('with caching off, the request has no marks', () => {
  const messages = [question, call('t1'), result('t1', MARK)];
  expect(requestParams({ ...SPEC, cache: false }, messages)).toEqual({ ...SPEC, messages });
});

/** Which of the messages are sent with a mark. */
function sent(messages: MessageParam[]): boolean[] {
  const params = requestParams({ ...SPEC, cache: false }, messages);
  expect(rejection({ ...params, stream: true })).toBeUndefined();
  return params.messages.map((message) => JSON.stringify(message).includes('cache_control'));
}

test('with caching off, the newest marks of the messages stay, as many as the API accepts', () => {
  const marked = (mark: object): MessageParam => ({
    role: 'user',
    content: [{ type: 'text', text: 'x', cache_control: mark as typeof MARK }],
  });
  expect(sent(Array.from({ length: 9 }, () => marked(MARK)))).toEqual([
    ...Array<boolean>(5).fill(false),
    ...Array<boolean>(4).fill(true),
  ]);
  expect(sent([marked(HOUR), marked(MARK), question])).toEqual([true, true, false]);
  expect(sent([marked(HOUR), marked(MARK), marked(HOUR)])).toEqual([false, false, true]);
});
