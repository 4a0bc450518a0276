import { expect, test } from 'vitest';
import {
  answersAfterEnd,
  answersAfterFailure,
  answersBeyondBudget,
} from '../../../core/calls/answers.ts';
import { call } from '../arbitraries.ts';

const calls = [call('toolu_1'), call('toolu_2')];

test.for([
  [
    'the turn ends with their reply',
    answersAfterEnd(calls, 'max_tokens', 7),
    'skipped',
    'Not executed: the turn ended before this call (max_tokens).',
  ],
  [
    'a budget is reached',
    answersBeyondBudget(
      calls,
      { reason: 'max_rounds', text: 'the limit of 3 rounds is reached' },
      7,
    ),
    'skipped',
    'Not executed: the limit of 3 rounds is reached.',
  ],
  [
    'the turn fails while they are open',
    answersAfterFailure(calls, 7),
    'unknown',
    'The turn failed before this call was answered. It may or may not have taken effect; check before calling it again.',
  ],
] as const)('all calls are answered without running when %s', ([, answers, type, message]) => {
  const answer = { outcome: { type, message }, attempts: 0, start: 7, end: 7 };
  expect(answers).toEqual([answer, answer]);
});

test('no calls need no answers', () => {
  expect(answersAfterEnd([], 'end_turn', 0)).toEqual([]);
});
