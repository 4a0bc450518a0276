import { describe, expect, test } from 'vitest';
import { roomForInput, withApproval } from '../../../core/calls/approval.ts';
import type { ApprovalRecord, SettledCall } from '../../../core/calls/outcome.ts';

const AT = '2026-11-22T12:00:00.000Z';
const approved: ApprovalRecord = { decision: 'approved', by: 'Ada', at: AT };
const settled: SettledCall = {
  outcome: { type: 'succeeded', content: 'refunded' },
  attempts: 1,
  start: 0,
  end: 1,
};

describe('a call that has ended', () => {
  test('does not change if nobody was asked', () => {
    expect(withApproval(settled, undefined)).toBe(settled);
  });

  test('carries the decision about it', () => {
    expect(withApproval(settled, approved)).toEqual({ ...settled, approval: approved });
  });

  test('begins with the edited input that it ran with', () => {
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

  test('begins with a separate text about the edited input if the result has content blocks', () => {
    const image = {
      type: 'image',
      source: { type: 'url', url: 'https://example.com/a.png' },
    } as const;
    const shown: SettledCall = { ...settled, outcome: { type: 'succeeded', content: [image] } };

    expect(withApproval(shown, { ...approved, input: {} }).outcome).toEqual({
      type: 'succeeded',
      content: [
        {
          type: 'text',
          text: 'A person changed the input of this call before it ran. It ran with: {}',
        },
        image,
      ],
    });
  });

  test('does not say that it ran if it was edited and then did not run', () => {
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

  test('is the same for every call, with a storage', () => {
    expect(roomForInput({ type: 'storage' }, edited)).toBe(500_000);
  });

  test('is shared by the calls of a reply, without one', () => {
    expect(roomForInput({ type: 'payload' }, [])).toBe(250_000 - '[]'.length);
    expect(roomForInput({ type: 'payload' }, edited)).toBe(250_000 - JSON.stringify(edited).length);
  });
});
