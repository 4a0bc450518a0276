import { expect, test } from 'vitest';
import type { PinnedAgent } from '../../../core/agent-spec.ts';
import type { ModelCallResult, RecordedModelCall } from '../../../core/conversation/model-call.ts';
import { modelAnswer } from '../../../core/conversation/model-call.ts';
import type { ModelReply } from '../../../core/conversation/reply.ts';

const reply = { id: 'msg_1', stopReason: 'end_turn' } as ModelReply;
const refused = { id: 'msg_2', stopReason: 'refusal' } as ModelReply;
const pinned = { name: 'support' } as PinnedAgent;
const fallback = { model: 'claude-haiku-4-5', because: 'refusal' } as const;

const results: ModelCallResult[] = [
  { type: 'reply', reply, prepared: [] },
  { type: 'reply', reply, prepared: [], pinned, segments: [] },
  { type: 'pinned', pinned },
  { type: 'refusal', refused, by: 'claude-opus-4-5', fallback },
  { type: 'refusal', refused, by: 'claude-opus-4-5', fallback, pinned },
];

test.for(results)('a result is read unchanged: $type', (result) => {
  expect(modelAnswer(result)).toBe(result);
});

test.for(results)('a result that was recorded without a type gets one: $type', (result) => {
  const { type: _, ...recorded } = result;
  expect(modelAnswer(recorded as RecordedModelCall)).toEqual(result);
});

test('an invalid call that was recorded as "refused" is read as invalid', () => {
  const message = 'There is no tool named pay.';
  const prepared = [
    { type: 'refused', message },
    { type: 'ready', summary: '' },
  ] as const;
  expect(modelAnswer({ reply, prepared: [...prepared] })).toEqual({
    type: 'reply',
    reply,
    prepared: [{ type: 'invalid', message }, prepared[1]],
  });
});
