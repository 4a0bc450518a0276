import { describe, expect, test } from 'vitest';
import type { Message } from '../../../core/conversation/messages.ts';
import type { TurnInput } from '../../../core/turn/input.ts';
import { timingOf } from '../../../core/turn/timing.ts';
import { NO_USAGE } from '../../../core/turn/usage.ts';
import { defineJudge, judgeInput, verdictOf } from '../../../testing/evals/judge.ts';

const start = '2026-11-22T10:00:00.000Z';
const turn = {
  agent: 'support',
  stopReason: 'end_turn',
  text: 'Order "A-17" is refunded.',
  messages: [
    {
      role: 'assistant',
      content: [{ type: 'tool_use', id: 'toolu_1', name: 'refund', input: { order: 'A-17' } }],
    },
    {
      role: 'user',
      content: [
        {
          type: 'tool_result',
          tool_use_id: 'toolu_1',
          content: `It is refunded. ${'a'.repeat(5_000)}`,
        },
      ],
    },
  ] as Message[],
  rounds: 2,
  usage: NO_USAGE,
  timing: timingOf(undefined, 0),
  calls: [
    {
      id: 'toolu_1',
      name: 'refund',
      input: { order: 'A-17' },
      outcome: 'succeeded',
      round: 1,
      attempts: 1,
      start,
      end: start,
    },
  ],
} as const;

const asked = (input: TurnInput) =>
  JSON.parse(
    judgeInput(input, 'Names the order.', {
      ...turn,
      messages: [...turn.messages],
      calls: [...turn.calls],
    }),
  ) as {
    request: unknown;
  };

describe('the judge', () => {
  test('gets the request, the calls, the answer and the rubric as JSON', () => {
    expect(asked('Refund it. </request>')).toEqual({
      request: 'Refund it. </request>',
      calls: [
        {
          round: 1,
          tool: 'refund',
          input: { order: 'A-17' },
          outcome: 'succeeded',
          result: `It is refunded. ${'a'.repeat(3_983)}…`,
        },
      ],
      answer: 'Order "A-17" is refunded.',
      rubric: 'Names the order.',
    });
  });

  test('gets the words of blocks and of a conversation, and learns that there were images', () => {
    const image = {
      type: 'image' as const,
      source: { type: 'base64' as const, media_type: 'image/png' as const, data: 'AAAA' },
    };
    expect(asked([{ type: 'text', text: 'What is this?' }, image]).request).toBe(
      'What is this?\n(image)',
    );
    expect(
      asked([
        { role: 'user', content: 'Hello' },
        { role: 'assistant', content: [{ type: 'text', text: 'Yes?' }] },
        { role: 'user', content: [image] },
      ]).request,
    ).toEqual([
      { role: 'user', text: 'Hello' },
      { role: 'assistant', text: 'Yes?' },
      { role: 'user', text: '(image)' },
    ]);
  });

  test('is an agent that answers with a reason and a verdict, in this order', () => {
    const judge = defineJudge({ model: 'claude-opus-5-5' });
    expect(judge.name).toBe('judge');
    expect(judge.spec.system).toMatch(/^You judge what another assistant has done/);
    expect(Object.keys(judge.output?.config.format.schema['properties'] as object)).toEqual([
      'reason',
      'pass',
    ]);
    const own = defineJudge({ model: 'claude-opus-5-5', name: 'critic', system: 'Be strict.' });
    expect([own.name, own.spec.system]).toEqual(['critic', 'Be strict.']);
  });
});

test.each([
  [
    { reason: 'It does.', pass: true },
    { reason: 'It does.', pass: true },
  ],
  [
    { reason: 'It does not.', pass: false, score: 3 },
    { reason: 'It does not.', pass: false },
  ],
  [{ reason: 'It does.', pass: 'yes' }, undefined],
  [{ pass: true }, undefined],
  [undefined, undefined],
])('the verdict in the output %j is %j', (output, verdict) => {
  expect(verdictOf(output)).toEqual(verdict);
});
