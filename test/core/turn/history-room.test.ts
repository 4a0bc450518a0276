import { describe, expect, test } from 'vitest';
import { isHistoryFull, isTooWide, shouldContinueAsNew } from '../../../core/turn/history-room.ts';
import { contextBytes } from '../../../core/turn/payload-room.ts';

const room = { historySize: 10_000, continueAsNewSuggested: false };

describe('the history of a turn', () => {
  test.for([
    ['goes on while the calls fit', 49_400, 1_000, 100, false],
    ['is begun anew where the calls would not fit any more', 49_401, 1_000, 100, true],
    ['is begun anew where its bytes are used up', 100, 40_000_001, 0, true],
    ['goes on at the last of its bytes', 100, 40_000_000, 0, false],
    ['goes on where it has hardly begun', 19, 40_000_001, 100, false],
  ] as const)('%s', ([, historyLength, historySize, calls, full]) => {
    const history = { historyLength, historySize, continueAsNewSuggested: false };
    expect(shouldContinueAsNew(history, { calls, bytesPerCall: 0 })).toBe(full);
  });

  test('starts over when Temporal suggests it, and at the limit of the agent', () => {
    const history = { ...room, historyLength: 40 };
    const three = { calls: 3, bytesPerCall: 0 };

    expect(shouldContinueAsNew({ ...history, continueAsNewSuggested: true }, three)).toBe(true);
    expect(shouldContinueAsNew(history, { ...three, maxEvents: 58 })).toBe(false);
    expect(shouldContinueAsNew(history, { ...three, maxEvents: 57 })).toBe(true);
  });

  test('starts over if too many calls would carry a context', () => {
    const history = { ...room, historyLength: 40 };
    const bytesPerCall = contextBytes({ type: 'payload' }, { tenant: 'x'.repeat(30_000) });

    expect(shouldContinueAsNew(history, { calls: 1_000, bytesPerCall })).toBe(false);
    expect(shouldContinueAsNew(history, { calls: 2_000, bytesPerCall })).toBe(true);
    expect(isTooWide(1_000, bytesPerCall)).toBe(false);
    expect(isTooWide(2_000, bytesPerCall)).toBe(true);
  });

  test('is full if the server would end the run, whatever the agent says', () => {
    const history = { ...room, historyLength: 49_400 };
    const small = { bytesPerCall: 0, maxEvents: 20 };

    expect(isHistoryFull(history, { ...small, calls: 100 })).toBe(false);
    expect(isHistoryFull(history, { ...small, calls: 101 })).toBe(true);
    expect(
      isHistoryFull({ ...history, historySize: 39_999_000 }, { calls: 1, bytesPerCall: 1_000 }),
    ).toBe(false);
    expect(
      isHistoryFull({ ...history, historySize: 39_999_001 }, { calls: 1, bytesPerCall: 1_000 }),
    ).toBe(true);
  });

  test('cannot hold a batch of ten thousand calls', () => {
    expect(isTooWide(8_333)).toBe(false);
    expect(isTooWide(8_334)).toBe(true);
  });
});
