import { describe, expect, test } from 'vitest';
import {
  afterAttempts,
  beforeText,
  deniedText,
  duration,
  editedInVainText,
  editedText,
  expiredText,
  MAY_HAVE_HAPPENED,
  notCompletedText,
  notTakenText,
  outOfTimeText,
  timedOutText,
  toldFromOutside,
  workerLostText,
} from '../../../core/calls/texts.ts';

describe('what the model is told of a call', () => {
  test('that timed out and may be repeated is the limit', () => {
    expect(timedOutText({ startToCloseTimeout: 120_000 }, true)).toBe(
      'Timed out: the call did not end within 2 minutes (startToCloseTimeout).',
    );
  });

  test('that timed out and may not be repeated is that it may have happened', () => {
    expect(timedOutText({ startToCloseTimeout: 1_500 }, false)).toBe(
      `Timed out: the call did not end within 1.5 s (startToCloseTimeout). ${MAY_HAVE_HAPPENED}`,
    );
  });

  test('that had no time left names the limit that the tool declared', () => {
    const limits = { startToCloseTimeout: 120_000, scheduleToCloseTimeout: 5_000 };
    const text = 'Timed out: the call did not end within 5 s (scheduleToCloseTimeout).';
    expect(timedOutText(limits, true)).toBe(text);
    expect(outOfTimeText(limits, false)).toBe(`${text} ${MAY_HAVE_HAPPENED}`);
    expect(timedOutText({ ...limits, startToCloseTimeout: 1_000 }, true)).toContain(
      'within 1 s (s',
    );
  });

  test('that no worker took is how long it waited', () => {
    const waiting = { startToCloseTimeout: 120_000, scheduleToStartTimeout: 5_000 };
    expect(notTakenText(waiting, false)).toBe(
      'Timed out: no worker took the call within 5 s (scheduleToStartTimeout), so it did not run.',
    );
    expect(notTakenText({ ...waiting, scheduleToCloseTimeout: 3_000 }, true)).toBe(
      'Timed out: no worker took the call within 3 s (scheduleToCloseTimeout).',
    );
    expect(notTakenText({ startToCloseTimeout: 1 }, true)).toContain('scheduleToCloseTimeout');
  });

  test('that failed before its time was up is also why', () => {
    expect(beforeText(undefined)).toBe('');
    expect(beforeText('no route')).toBe(' The attempt before it failed: no route');
  });

  test('whose worker was lost is how that was noticed', () => {
    expect(workerLostText(500)).toBe(
      'The worker that ran the call was lost: no heartbeat for 500 ms (heartbeatTimeout).',
    );
  });

  test('that was tried more than once is how often', () => {
    expect([0, 1, 2, 3].map(afterAttempts)).toEqual([
      '',
      '',
      ' (after 2 attempts)',
      ' (after 3 attempts)',
    ]);
  });
});

describe('what the model is told of a person', () => {
  test('who denied the call is why, where there is a reason', () => {
    const denied = 'A person denied this call, so it did not run';

    expect(deniedText('too much money')).toBe(`${denied}: too much money`);
    expect(deniedText(' ')).toBe(denied);
    expect(deniedText()).toBe(denied);
  });

  test('who did not decide is for how long they were asked', () => {
    expect(expiredText(7 * 86_400_000)).toBe(
      "This call needs a person's approval, and nobody decided within 7 days, so it did not run.",
    );
  });

  test('who changed the input is what the call ran with', () => {
    expect(editedText({ cents: 50 })).toBe(
      'A person changed the input of this call before it ran. It ran with: {"cents":50}',
    );
  });

  test('who changed the input of a call that did not run after all is what it was changed to', () => {
    expect(editedInVainText({ cents: 50 })).toBe(
      'A person changed the input of this call to: {"cents":50}',
    );
  });

  test('who wrote at length, or half an emoji, is what the API takes', () => {
    expect(toldFromOutside('no \ud83d')).toBe('no \ufffd');
    expect(deniedText('x'.repeat(5_000))).toMatch(/: x{2999}…$/);
    expect(editedText({ text: 'x'.repeat(5_000) })).toMatch(/x…$/);
  });

  test('who never completed the call is that it may have happened', () => {
    expect(notCompletedText(3_600_000)).toBe(
      `Timed out: the call was handed over and not completed within 60 minutes. ${MAY_HAVE_HAPPENED}`,
    );
  });
});

describe('a duration', () => {
  test.for([
    [0, '0 ms'],
    [999, '999 ms'],
    [1_000, '1 s'],
    [1_550, '1.6 s'],
    [119_999, '120 s'],
    [120_000, '2 minutes'],
    [5_400_000, '90 minutes'],
    [7_200_000, '2 hours'],
    [86_400_000, '24 hours'],
    [7 * 86_400_000, '7 days'],
    [3.25 * 86_400_000, '3.3 days'],
  ] as const)('of %i ms is told as %s', ([milliseconds, text]) => {
    expect(duration(milliseconds)).toBe(text);
  });
});
