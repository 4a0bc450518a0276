import { describe, expect, test } from 'vitest';
import {
  afterAttempts,
  MAY_HAVE_HAPPENED,
  timedOutText,
  workerLostText,
} from '../../core/outcome-text.ts';

describe('what the model is told of a call', () => {
  test('that timed out and may be repeated is the limit', () => {
    expect(timedOutText(120_000, true)).toBe(
      'Timed out: the call did not end within 2 minutes (startToCloseTimeout).',
    );
  });

  test('that timed out and may not be repeated is that it may have happened', () => {
    expect(timedOutText(1_500, false)).toBe(
      `Timed out: the call did not end within 1.5 s (startToCloseTimeout). ${MAY_HAVE_HAPPENED}`,
    );
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
