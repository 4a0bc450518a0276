import { describe, expect, test } from 'vitest';
import { outputStep, repairMessage } from '../../../core/turn/output.ts';
import type { ModelReply } from '../../../core/conversation/reply.ts';
import { nextStep } from '../../../core/turn/state.ts';
import { call, replyWith } from '../arbitraries.ts';

const invalid = { type: 'invalid', problem: 'stars: must be a number' } as const;

const stepAfter = (reply: ModelReply, repairs = 0, maxRepairs?: number) =>
  outputStep(nextStep(reply), reply, invalid, { repairs, maxRepairs });

describe('an answer that does not match its schema', () => {
  test.for(['end_turn', 'stop_sequence', 'max_tokens'] as const)(
    'and stopped with %s is asked for again',
    (stopReason) => {
      expect(stepAfter(replyWith({ stopReason }))).toEqual({
        type: 'repair output',
        problem: invalid.problem,
      });
    },
  );

  test('is asked for again twice, or as often as the agent says', () => {
    const reply = replyWith();

    expect(stepAfter(reply, 1).type).toBe('repair output');
    expect(stepAfter(reply, 2)).toEqual({
      type: 'stop',
      reason: 'invalid_output',
      details: 'The reply does not match the output schema, asked 3 times: stars: must be a number',
    });
    expect(stepAfter(reply, 2, 3).type).toBe('repair output');
    expect(stepAfter(reply, 0, 0)).toEqual({
      type: 'stop',
      reason: 'invalid_output',
      details: 'The reply does not match the output schema: stars: must be a number',
    });
  });

  test.for([
    ['is empty', { content: [] }],
    ['asks for tools', { content: [call('toolu_1')] }],
    [
      'ends in a text that cannot be sent back',
      { content: [{ type: 'text', text: ' ', citations: null }] },
    ],
  ] as const)('ends the turn where the reply %s', ([, parts]) => {
    expect(stepAfter(replyWith({ ...parts, content: [...parts.content] }))).toMatchObject({
      reason: 'invalid_output',
    });
  });

  test.for(['max_tokens', 'refusal', 'model_context_window_exceeded'] as const)(
    'keeps the stop reason %s where the model could not do better',
    (stopReason) => {
      expect(stepAfter(replyWith({ stopReason }), 9)).toMatchObject({ reason: stopReason });
    },
  );

  test('is no matter where the reply is no answer', () => {
    const reply = replyWith({ stopReason: 'tool_use', content: [call('toolu_1')] });
    expect(stepAfter(reply)).toEqual({ type: 'run tools' });
  });
});

test('an answer that matches, or that may be anything, ends the turn', () => {
  const reply = replyWith();
  const limits = { repairs: 0 };

  expect(outputStep(nextStep(reply), reply, { type: 'valid' }, limits)).toEqual(nextStep(reply));
  expect(outputStep(nextStep(reply), reply, undefined, limits)).toEqual(nextStep(reply));
});

test('the model is told what is wrong, at most some lines of it', () => {
  const { content } = repairMessage('x'.repeat(9_000));

  expect(repairMessage('stars: missing')).toEqual({
    role: 'user',
    content:
      'Your reply does not match the required output format:\nstars: missing\n\nReply again with the whole corrected JSON and nothing else.',
  });
  expect(content.length).toBeLessThan(2_200);
});
