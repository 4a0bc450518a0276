import { describe, expect, test } from 'vitest';
import { repairMessage, replyAsks } from '../../../core/turn/reply-asks.ts';
import type { ModelReply } from '../../../core/conversation/reply.ts';
import { call, replyWith } from '../arbitraries.ts';

const stop = (reason: string, details?: unknown) => ({
  type: 'stop',
  reason,
  ...(details === undefined ? {} : { details }),
});

describe('a reply', () => {
  test.for([
    ['tool_use: its tools run', { stopReason: 'tool_use' }, { type: 'run tools' }],
    ['pause_turn: the model is asked again', { stopReason: 'pause_turn' }, { type: 'ask again' }],
    ['compaction: the model is asked again', { stopReason: 'compaction' }, { type: 'ask again' }],
    ['end_turn: the turn stops', { stopReason: 'end_turn' }, stop('end_turn')],
    ['max_tokens: the turn stops', { stopReason: 'max_tokens' }, stop('max_tokens')],
    [
      'model_context_window_exceeded: the turn stops',
      { stopReason: 'model_context_window_exceeded' },
      stop('model_context_window_exceeded'),
    ],
    [
      'stop_sequence: the turn stops and names it',
      { stopReason: 'stop_sequence', stopSequence: 'END' },
      stop('stop_sequence', 'END'),
    ],
    [
      'refusal: the turn stops and says why',
      { stopReason: 'refusal', stopDetails: { category: 'cyber' } },
      stop('refusal', { category: 'cyber' }),
    ],
    [
      'a reason of the future: the turn stops and names it',
      { stopReason: 'tired' },
      stop('unknown', 'tired'),
    ],
  ] as const)('that stopped with %s', ([, parts, expected]) => {
    expect(replyAsks(replyWith(parts), undefined, { repairs: 0 })).toEqual(expected);
  });
});

const invalid = { type: 'invalid', problem: 'stars: must be a number' } as const;

const stepAfter = (reply: ModelReply, repairs = 0, maxRepairs?: number) =>
  replyAsks(reply, invalid, { repairs, maxRepairs });

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

  const blank = { type: 'text' as const, text: ' ', citations: null };
  const thought = { type: 'thinking' as const, thinking: '', signature: 's' };

  test.for([
    ['is empty', []],
    ['is a text that cannot be sent back', [blank]],
    ['is thinking alone', [thought]],
  ] as const)('is asked for again if the reply %s, unless it was cut off', ([, content]) => {
    const parts = { content: [...content] };
    expect(stepAfter(replyWith(parts)).type).toBe('repair output');
    expect(stepAfter(replyWith({ ...parts, stopReason: 'max_tokens' }))).toMatchObject({
      type: 'stop',
      reason: 'max_tokens',
    });
    expect(stepAfter(replyWith(parts), 2)).toMatchObject({ reason: 'invalid_output' });
  });

  test('is not asked for again if the reply asks for tools', () => {
    expect(stepAfter(replyWith({ content: [call('toolu_1')] }))).toMatchObject({
      reason: 'invalid_output',
    });
  });

  test.for(['max_tokens', 'refusal', 'model_context_window_exceeded'] as const)(
    'keeps the stop reason %s if the model could not do better',
    (stopReason) => {
      expect(stepAfter(replyWith({ stopReason }), 9)).toMatchObject({ reason: stopReason });
    },
  );

  test('does not matter if the reply is not an answer', () => {
    const reply = replyWith({ stopReason: 'tool_use', content: [call('toolu_1')] });
    expect(stepAfter(reply)).toEqual({ type: 'run tools' });
  });
});

test('an answer that matches, or that may be anything, ends the turn', () => {
  const reply = replyWith();
  const limits = { repairs: 0 };

  const stop = { type: 'stop', reason: 'end_turn' };
  expect(replyAsks(reply, { type: 'valid' }, limits)).toEqual(stop);
  expect(replyAsks(reply, undefined, limits)).toEqual(stop);
});

test('the model reads what is wrong, in a limited number of lines', () => {
  const { content } = repairMessage('x'.repeat(9_000));

  expect(repairMessage('stars: missing')).toEqual({
    role: 'user',
    content:
      'Your reply does not match the required output format:\nstars: missing\n\nReply again with the whole corrected JSON and nothing else.',
  });
  expect(content.length).toBeLessThan(2_200);
});
