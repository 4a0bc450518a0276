import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { mergeOutcomes } from '../../../core/calls/merge-outcomes.ts';
import type { ToolOutcome } from '../../../core/calls/outcome.ts';
import { batch, call, outcome } from '../arbitraries.ts';

describe('the message that answers a reply', () => {
  test('holds one result for each call, in call order, however each ended', () => {
    const calls = [call('toolu_1', 'get_customer'), call('toolu_2'), call('toolu_3', 'pay')];
    const outcomes: ToolOutcome[] = [
      { type: 'succeeded', content: 'Ada' },
      { type: 'failed', message: 'connection refused to orders-db (after 3 attempts)' },
      { type: 'unknown', message: 'It may or may not have happened.' },
    ];

    expect(mergeOutcomes(calls, outcomes)).toEqual({
      role: 'user',
      content: [
        { type: 'tool_result', tool_use_id: 'toolu_1', content: 'Ada' },
        {
          type: 'tool_result',
          tool_use_id: 'toolu_2',
          content: 'connection refused to orders-db (after 3 attempts)',
          is_error: true,
        },
        {
          type: 'tool_result',
          tool_use_id: 'toolu_3',
          content: 'It may or may not have happened.',
          is_error: true,
        },
      ],
    });
  });

  test.for(['', ' \n'])('gives a failure without a message a text: %j', (message) => {
    const { content } = mergeOutcomes([call('toolu_1')], [{ type: 'failed', message }]);

    expect(content).toMatchObject([
      { content: 'The call failed without a message.', is_error: true },
    ]);
  });

  test('carries the content blocks of a successful call unchanged', () => {
    const content = [{ type: 'text' as const, text: 'Order 1' }];

    expect(mergeOutcomes([call('toolu_1')], [{ type: 'succeeded', content }]).content).toEqual([
      { type: 'tool_result', tool_use_id: 'toolu_1', content },
    ]);
  });

  test.for([
    ['an outcome is missing', 2, 1],
    ['an outcome is left over', 1, 2],
    ['there are outcomes and no calls', 0, 1],
  ] as const)('is never made when %s', ([, calls, outcomes]) => {
    const asked = Array.from({ length: calls }, (_, i) => call(`toolu_${i}`));
    const settled = Array.from({ length: outcomes }, (): ToolOutcome => ({
      type: 'succeeded',
      content: 'done',
    }));

    expect(() => mergeOutcomes(asked, settled)).toThrow(
      new RangeError(`${calls} tool calls cannot be answered by ${outcomes} outcomes`),
    );
  });

  test('answers every call exactly once for any calls and outcomes', () => {
    const calledAndSettled = batch(20).chain((calls) =>
      fc.tuple(
        fc.constant(calls),
        fc.array(outcome, { minLength: calls.length, maxLength: calls.length }),
      ),
    );
    fc.assert(
      fc.property(calledAndSettled, ([calls, outcomes]) => {
        const { role, content } = mergeOutcomes(calls, outcomes);
        expect(role).toBe('user');
        if (typeof content === 'string') throw new Error('It must be a list of results.');
        const results = content.map((block) => {
          if (block.type !== 'tool_result') throw new Error(`It must not hold a ${block.type}.`);
          return block;
        });
        expect(results.map(({ tool_use_id }) => tool_use_id)).toEqual(calls.map(({ id }) => id));
        for (const [i, result] of results.entries()) {
          if (outcomes[i]?.type === 'succeeded') expect(result).not.toHaveProperty('is_error');
          else {
            expect(result.is_error).toBe(true);
            expect(result.content).toBeTypeOf('string');
          }
        }
      }),
    );
  });

  test('is never made for any calls and outcomes that differ in number', () => {
    fc.assert(
      fc.property(batch(5), fc.array(outcome, { maxLength: 5 }), (calls, outcomes) => {
        fc.pre(calls.length !== outcomes.length);
        expect(() => mergeOutcomes(calls, outcomes)).toThrow(RangeError);
      }),
    );
  });
});
