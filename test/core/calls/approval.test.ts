import { describe, expect, test } from 'vitest';
import { refusal, roomForInput, withApproval } from '../../../core/calls/approval.ts';
import type { ApprovalRecord, SettledCall } from '../../../core/calls/outcome.ts';

const AT = '2026-11-22T12:00:00.000Z';
const approved: ApprovalRecord = { decision: 'approved', by: 'Ada', at: AT };
const settled: SettledCall = {
  outcome: { type: 'succeeded', content: 'refunded' },
  attempts: 1,
  start: 0,
  end: 1,
};

describe('a decision', () => {
  test('lets an approved call run', () => {
    expect(refusal(approved, 1_000)).toBeUndefined();
  });

  test('denies a call and gives the reason', () => {
    const denied: ApprovalRecord = { decision: 'denied', by: 'Ada', reason: 'too much', at: AT };

    expect(refusal(denied, 1_000)).toEqual({
      type: 'denied',
      message: 'A person denied this call, so it did not run: too much',
    });
  });

  test('that nobody took in time denies the call and names the time', () => {
    expect(refusal({ decision: 'expired', at: AT }, 5_000)).toEqual({
      type: 'denied',
      message:
        "This call needs a person's approval, and nobody decided within 5 s, so it did not run.",
    });
  });
});

describe('a call that has ended', () => {
  test('is as it was where nobody was asked', () => {
    expect(withApproval(settled, undefined)).toBe(settled);
  });

  test('bears the decision about it', () => {
    expect(withApproval(settled, approved)).toEqual({ ...settled, approval: approved });
  });

  test('tells the model what it ran with where that was edited', () => {
    const approval = { ...approved, input: { cents: 5 } };

    expect(withApproval(settled, approval)).toEqual({
      ...settled,
      outcome: {
        type: 'succeeded',
        content:
          'A person changed the input of this call before it ran. It ran with: {"cents":5}\n\nrefunded',
      },
      approval,
    });
  });

  test('does not tell that it ran where it was edited and then did not', () => {
    const skipped: SettledCall = {
      ...settled,
      outcome: { type: 'skipped', message: 'Not executed.' },
      attempts: 0,
    };

    expect(withApproval(skipped, { ...approved, input: { cents: 5 } }).outcome).toEqual({
      type: 'skipped',
      message: 'A person changed the input of this call to: {"cents":5}\n\nNot executed.',
    });
  });
});

describe('room for an edited input', () => {
  const edited = [{ text: 'x'.repeat(100_000) }];

  test('is the same for every call with a storage', () => {
    expect(roomForInput(true, edited)).toBe(500_000);
  });

  test('is shared by the calls of a reply without one', () => {
    expect(roomForInput(false, [])).toBe(250_000 - '[]'.length);
    expect(roomForInput(false, edited)).toBe(250_000 - JSON.stringify(edited).length);
  });
});
