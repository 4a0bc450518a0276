import { describe, expect, test } from 'vitest';
import { mergeOutcomes } from '../../../core/calls/merge-outcomes.ts';
import type { Message, ToolUse } from '../../../core/conversation/messages.ts';
import type { ModelReply } from '../../../core/conversation/reply.ts';
import { isCalledByCode, openServerCalls } from '../../../core/conversation/server-calls.ts';
import { beginTurn, commitReply } from '../../../core/turn/state.ts';
import { addUsage, NO_USAGE } from '../../../core/turn/usage.ts';

const direct = { type: 'direct' } as const;
const code = { type: 'code_execution_20260120', tool_id: 'srvtoolu_1' } as const;
const call = (caller: ToolUse['caller']): ToolUse => ({
  type: 'tool_use',
  id: 'toolu_1',
  name: 'look',
  input: {},
  caller,
});
const search: Message = {
  role: 'assistant',
  content: [{ type: 'server_tool_use', id: 'srvtoolu_1', name: 'web_search', input: {} }],
};
const found: Message = {
  role: 'assistant',
  content: [{ type: 'web_search_tool_result', tool_use_id: 'srvtoolu_1', content: [] }],
};
const answer: Message = {
  role: 'user',
  content: [{ type: 'tool_result', tool_use_id: 'toolu_1', content: 'x' }],
};

test("a server tool's call is open until its own result is there", () => {
  expect(openServerCalls([{ role: 'user', content: 'Hello' }, search, answer])).toEqual([
    'srvtoolu_1',
  ]);
  expect(openServerCalls([search, answer, found])).toEqual([]);
});

test('a call is made by code if it names code as its caller', () => {
  expect([call(direct), call(code), {}].map(isCalledByCode)).toEqual([false, true, false]);
});

describe('a call by code is answered', () => {
  const image = {
    type: 'image' as const,
    source: { type: 'url' as const, url: 'https://example.com/a.png' },
  };
  test.for([
    ['with a text', code, 'seen', undefined],
    ['with texts', code, [{ type: 'text' as const, text: 'seen' }], undefined],
    ['with an error for an image', code, [image], true],
    ['with the image, where the model called', direct, [image], undefined],
  ] as const)('%s', ([, caller, content, isError]) => {
    const message = mergeOutcomes(
      [call(caller)],
      [{ type: 'succeeded', content: typeof content === 'string' ? content : [...content] }],
    );
    expect(message.content).toMatchObject([{ tool_use_id: 'toolu_1' }]);
    expect((message.content[0] as { is_error?: boolean }).is_error).toBe(isError);
  });
});

test('a turn remembers its sandbox', () => {
  const container = { id: 'container_1', expires_at: '2026-12-01T00:00:00Z' };
  const reply: ModelReply = {
    id: 'msg_1',
    model: 'claude-opus-5-5',
    content: [],
    stopReason: 'pause_turn',
    stopSequence: null,
    stopDetails: null,
    usage: NO_USAGE,
    container,
    requestId: null,
  };
  const { container: _, ...later } = reply;
  const begun = commitReply(beginTurn([{ role: 'user', content: 'Hello' }]), reply);
  expect(commitReply(begun, later).container).toEqual(container);
});

test('requests of server tools are added up, if there are any', () => {
  const one = { ...NO_USAGE, server_tool_use: { web_search_requests: 1, web_fetch_requests: 2 } };
  expect(addUsage(NO_USAGE, NO_USAGE)).not.toHaveProperty('server_tool_use');
  expect(addUsage(NO_USAGE, one).server_tool_use).toEqual(one.server_tool_use);
  expect(addUsage(one, one).server_tool_use).toEqual({
    web_search_requests: 2,
    web_fetch_requests: 4,
  });
});
