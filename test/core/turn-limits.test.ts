import { describe, expect, test } from 'vitest';
import { HISTORY_FULL, isHistoryFull } from '../../core/turn-limits.ts';

describe('the history of a turn', () => {
  test.for([
    ['is not full at its beginning', 3, 1_000, 8, false],
    ['is not full while the calls still fit', 49_400, 1_000, 100, false],
    ['is full where the calls would not fit any more', 49_401, 1_000, 100, true],
    ['is full where its bytes are used up', 100, 40_000_001, 0, true],
    ['is not full at the last of its bytes', 100, 40_000_000, 0, false],
  ] as const)('%s', ([, historyLength, historySize, calls, full]) => {
    expect(isHistoryFull({ historyLength, historySize }, calls)).toBe(full);
  });

  test('that is full ends the turn before the server does, and says what to do', () => {
    expect(HISTORY_FULL).toMatchObject({
      type: 'stop',
      reason: 'turn_too_large',
      details: expect.stringContaining('Continue with a new turn') as string,
    });
  });
});
