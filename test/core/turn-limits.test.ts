import { describe, expect, test } from 'vitest';
import { HISTORY_FULL, isHistoryFull, maxResultBytes, replyFits } from '../../core/turn-limits.ts';
import { beginTurn } from '../../core/turn-state.ts';
import { call, replyWith } from './arbitraries.ts';

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

const saying = (length: number) =>
  replyWith({ content: [{ type: 'text', text: 'y'.repeat(length), citations: null }] });
const calls = (count: number) => Array.from({ length: count }, (_, i) => call(`toolu_${i}`));

describe('a reply', () => {
  const state = beginTurn([{ role: 'user', content: 'x'.repeat(1_400_000) }]);

  test('fits while the result could hold it twice, as a message and as the text', () => {
    expect(replyFits(state, saying(240_000), false)).toBe(true);
    expect(replyFits(state, saying(260_000), false)).toBe(false);
  });

  test('does not fit with so many calls that their answers would not', () => {
    expect(replyFits(state, replyWith({ content: calls(300) }), false)).toBe(true);
    expect(replyFits(state, replyWith({ content: calls(600) }), false)).toBe(false);
  });

  test('always fits where there is a storage', () => {
    expect(replyFits(state, saying(900_000), true)).toBe(true);
  });
});

describe('the limit for one result of a batch', () => {
  test.for([
    ['is the general one for a few calls', 4, false, undefined],
    ['is a share of what history takes for many', 40, false, 200_000],
    ['is the general one with a storage, which takes large results', 70, true, undefined],
    ['is a share also with a storage where all would stand in history', 2_000, true, 10_000],
  ] as const)('%s', ([, count, stored, limit]) => {
    expect(maxResultBytes(count, stored)).toBe(limit);
  });
});
