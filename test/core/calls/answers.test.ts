import { describe, expect, test } from 'vitest';
import * as answers from '../../../core/calls/answers.ts';
import type { BatchStop } from '../../../core/calls/batch-policy.ts';
import type { ApprovalRecord, SettledCall } from '../../../core/calls/outcome.ts';
import { MAY_HAVE_HAPPENED } from '../../../core/calls/texts.ts';
import { toolsetKey } from '../../../core/conversation/toolsets.ts';
import { call } from '../arbitraries.ts';

const NOW = 1_000;
const calls = [call('toolu_1'), call('toolu_2')];
const other = call('toolu_9', 'write_file');

const cancelled: BatchStop = { type: 'turn cancelled' };
const batchTimeUp: BatchStop = { type: 'batch timeout', milliseconds: 90_000 };
const turnTimeUp: BatchStop = { type: 'turn timeout', milliseconds: 9_000 };
const siblingFailed: BatchStop = {
  type: 'sibling failed',
  callId: 'toolu_01',
  tool: 'pay',
  message: 'No money.',
};

const BATCH_LIMIT = 'the time limit of 90 s for all calls of this reply (batchTimeout) was up';
const TURN_LIMIT = 'the time limit of 9 s for the turn (wallTime) was up';

const decided = (parts: Partial<ApprovalRecord>): ApprovalRecord => ({
  decision: 'denied',
  at: '2026-11-22T12:00:00.000Z',
  ...parts,
});

const stopped = (stop: BatchStop, repeatable: boolean) =>
  answers.answerStopped(stop, repeatable, NOW);

type Row = readonly [
  situation: string,
  answer: SettledCall | undefined,
  outcome: SettledCall['outcome']['type'],
  text: string,
];

test('a call that goes on in the background is answered with what to do', () => {
  expect(answers.answerInBackground('scout', 'toolu_1', NOW)).toEqual({
    outcome: {
      type: 'succeeded',
      content:
        'Agent scout is at work in the background. You get its result as soon as it is there. Go on with what does not need it. To wait for it, call get_agent_result with {"id":"toolu_1"}.',
    },
    attempts: 1,
    start: NOW,
    end: NOW,
    late: true,
  });
  expect(answers.answerGoesOn(90_000, 'toolu_1', NOW)).toMatchObject({
    outcome: {
      type: 'succeeded',
      content: expect.stringMatching(
        /^Still running: the time limit of 90 s for all calls of this reply \(batchTimeout\) is up, and this call goes on in the background\. You get its result/,
      ) as string,
    },
    late: true,
  });
});

test('a question for its result is answered', () => {
  expect(answers.answerReading('toolu_1', { type: 'given' }, NOW)).toMatchObject({
    outcome: { type: 'succeeded' },
    attempts: 0,
  });
});

describe('a call that has not run is answered', () => {
  const rows: readonly Row[] = [
    [
      'whose agent has nothing left to spend',
      answers.answerNothingLeft('scout', NOW),
      'skipped',
      'Not executed: the limits of this turn leave nothing for agent scout to spend.',
    ],
    [
      'whose input is invalid',
      answers.answerInvalid('No such tool.', NOW),
      'failed',
      'No such tool.',
    ],
    [
      'that a person denied',
      answers.answerUnapproved(decided({ reason: 'too much' }), 5_000, NOW),
      'denied',
      'A person denied this call, so it did not run: too much',
    ],
    [
      'that nobody decided about',
      answers.answerUnapproved(decided({ decision: 'expired' }), 5_000, NOW),
      'denied',
      "This call needs a person's approval, and nobody decided within 5 s, so it did not run.",
    ],
    [
      'after another call on the same key failed',
      answers.answerBlocked({ index: 0, because: 'failed', key: '{"path":"/a"}' }, other, NOW),
      'skipped',
      'Not executed: write_file (toolu_9) failed before it, and both touch path "/a". Deal with that first; then call this again if it is still needed.',
    ],
    [
      'after an earlier action of the browser failed',
      answers.answerBlocked(
        { index: 0, because: 'failed', key: toolsetKey('browser') },
        other,
        NOW,
      ),
      'skipped',
      'Not executed: an earlier action in this turn failed.',
    ],
    [
      'after an earlier action of the computer failed',
      answers.answerBlocked(
        { index: 0, because: 'failed', key: toolsetKey('computer') },
        other,
        NOW,
      ),
      'skipped',
      'Not executed: an earlier computer action in this turn failed.',
    ],
    [
      'when its turn is cancelled before it starts',
      answers.answerNeverStarted(cancelled, NOW),
      'cancelled',
      'The call was cancelled.',
    ],
    [
      "when its batch's time is up before it starts",
      answers.answerNeverStarted(batchTimeUp, NOW),
      'skipped',
      `Not executed: ${BATCH_LIMIT} before this call started.`,
    ],
    [
      "when its turn's time is up before it starts",
      answers.answerNeverStarted(turnTimeUp, NOW),
      'skipped',
      `Not executed: ${TURN_LIMIT} before this call started.`,
    ],
    [
      'when a sibling fails before it starts',
      answers.answerNeverStarted(siblingFailed, NOW),
      'skipped',
      'Not executed, because pay (toolu_01) failed: No money.',
    ],
    [
      'that was to be completed and was said to have failed',
      answers.answerFailedOutside('Lost \ud83d', NOW),
      'failed',
      'Lost \ufffd',
    ],
  ];
  test.for(rows)('%s', ([, answer, type, message]) => {
    expect(answer).toEqual({ outcome: { type, message }, attempts: 0, start: NOW, end: NOW });
  });
});

describe('a call whose server asks a person is answered', () => {
  const rows: readonly Row[] = [
    [
      'when nobody answers in time',
      answers.answerUnanswered('desk', 3_600_000, NOW),
      'denied',
      'The server desk asked for more input in the middle of this call, and nobody answered within 60 minutes. It has not gone on with the call.',
    ],
    [
      'when it asks again and again',
      answers.answerAskedTooOften('desk', 20, NOW),
      'failed',
      'The server desk has asked for more input 20 times in this call, and asks again. The call was given up; it may have taken effect in part.',
    ],
  ];

  test.for(rows)('%s', ([, answer, type, message]) => {
    expect(answer).toEqual({ outcome: { type, message }, attempts: 0, start: NOW, end: NOW });
  });
});

describe('a call that waits to be completed is answered', () => {
  const rows: readonly Row[] = [
    [
      'when nobody completes it in time',
      answers.answerNotCompleted(3_600_000, NOW),
      'timedOut',
      `Timed out: nobody completed this call from outside within 60 minutes. ${MAY_HAVE_HAPPENED}`,
    ],
    [
      'when its turn is cancelled',
      stopped(cancelled, false),
      'cancelled',
      `The call was cancelled while it ran. ${MAY_HAVE_HAPPENED}`,
    ],
    [
      'when its turn is cancelled and it may be repeated',
      stopped(cancelled, true),
      'cancelled',
      'The call was cancelled.',
    ],
    [
      "when its batch's time is up",
      stopped(batchTimeUp, false),
      'timedOut',
      `Timed out: ${BATCH_LIMIT} while this call ran. ${MAY_HAVE_HAPPENED}`,
    ],
    [
      "when its turn's time is up and it may be repeated",
      stopped(turnTimeUp, true),
      'timedOut',
      `Timed out: ${TURN_LIMIT} while this call ran.`,
    ],
    [
      'when a sibling fails',
      stopped(siblingFailed, false),
      'cancelled',
      `The call was cancelled while it ran, because pay (toolu_01) failed: No money. ${MAY_HAVE_HAPPENED}`,
    ],
    [
      'when a sibling fails and it may be repeated',
      stopped(siblingFailed, true),
      'cancelled',
      'The call was cancelled while it ran, because pay (toolu_01) failed: No money.',
    ],
  ];
  test.for(rows)('%s', ([, answer, type, message]) => {
    expect(answer).toEqual({ outcome: { type, message }, attempts: 0, start: NOW, end: NOW });
  });
});

describe('all calls are answered', () => {
  test.for([
    [
      'when the turn ends with their reply',
      answers.answersAfterEnd(calls, 'max_tokens', NOW),
      'skipped',
      'Not executed: the turn ended before this call (max_tokens).',
    ],
    [
      'when a budget is reached',
      answers.answersBeyondBudget(
        calls,
        { reason: 'max_rounds', text: 'the limit of 3 rounds is reached' },
        NOW,
      ),
      'skipped',
      'Not executed: the limit of 3 rounds is reached.',
    ],
    [
      'when the turn fails while they are open',
      answers.answersAfterFailure(calls, NOW),
      'unknown',
      `The turn failed before this call was answered. ${MAY_HAVE_HAPPENED}`,
    ],
  ] as const)('%s', ([, all, type, message]) => {
    const answer = { outcome: { type, message }, attempts: 0, start: NOW, end: NOW };
    expect(all).toEqual([answer, answer]);
  });
});

test('an approved call gets no answer, and an empty list needs none', () => {
  const approved = decided({ decision: 'approved', by: 'Ada' });
  expect(answers.answerUnapproved(approved, 1, NOW)).toBeUndefined();
  expect(answers.answersAfterEnd([], 'end_turn', NOW)).toEqual([]);
});

const ended = (type: 'cancelled' | 'failed', attempts = 1): SettledCall => ({
  outcome: { type, message: 'why' },
  attempts,
  start: 0,
  end: 1,
});

describe('the answer to a call whose activity ends after its batch was stopped', () => {
  test('says what cancelled it', () => {
    expect(answers.endedBy(batchTimeUp, ended('cancelled'), false)).toEqual({
      ...ended('cancelled'),
      outcome: stopped(batchTimeUp, false).outcome,
    });
  });

  test('says that it never started, if no attempt ran', () => {
    const { outcome } = answers.endedBy(batchTimeUp, ended('cancelled', 0), false);
    expect(outcome).toEqual(answers.answerNeverStarted(batchTimeUp, NOW).outcome);
  });

  test('says that it waited to run, if an earlier attempt may have failed', () => {
    const { outcome } = answers.endedBy(batchTimeUp, ended('cancelled', 0), true);
    expect(outcome).toEqual({
      type: 'skipped',
      message: `Not executed: ${BATCH_LIMIT} while this call waited to run.`,
    });
  });

  test('keeps its own end, also if somebody else cancelled it', () => {
    const [failed, cancelledElsewhere] = [ended('failed'), ended('cancelled')];

    expect(answers.endedBy(batchTimeUp, failed, true)).toBe(failed);
    expect(answers.endedBy(undefined, cancelledElsewhere, true)).toBe(cancelledElsewhere);
  });
});
