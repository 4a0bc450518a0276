import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { jsonBytes } from '../../../core/json.ts';
import {
  canBeCarried,
  contextBytes,
  isHistoryFull,
  isTooWide,
  maxResultBytes,
  maxTextBytes,
  replyFits,
  shouldContinueAsNew,
  TOO_WIDE,
} from '../../../core/turn/payload-room.ts';
import type { OutcomeType, SettledCall } from '../../../core/calls/outcome.ts';
import { beginTurn, commitReply, commitResults, hasOutgrown } from '../../../core/turn/state.ts';
import { turnResult } from '../../../core/turn/result.ts';
import { call, replyWith } from '../arbitraries.ts';

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

  test('is begun anew when Temporal suggests it, and at the limit of the agent', () => {
    const history = { ...room, historyLength: 40 };
    const three = { calls: 3, bytesPerCall: 0 };

    expect(shouldContinueAsNew({ ...history, continueAsNewSuggested: true }, three)).toBe(true);
    expect(shouldContinueAsNew(history, { ...three, maxEvents: 58 })).toBe(false);
    expect(shouldContinueAsNew(history, { ...three, maxEvents: 57 })).toBe(true);
  });

  test('is begun anew where a context would come with too many calls', () => {
    const history = { ...room, historyLength: 40 };
    const bytesPerCall = contextBytes({ tenant: 'x'.repeat(30_000) }, false);

    expect(shouldContinueAsNew(history, { calls: 1_000, bytesPerCall })).toBe(false);
    expect(shouldContinueAsNew(history, { calls: 2_000, bytesPerCall })).toBe(true);
    expect(isTooWide(1_000, bytesPerCall)).toBe(false);
    expect(isTooWide(2_000, bytesPerCall)).toBe(true);
  });

  test('is full where the server would end the run, whatever the agent says', () => {
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

  test('goes on where a new run could not be given all that it has to know', () => {
    expect(canBeCarried([{ input: 'x'.repeat(1_899_984) }], false)).toBe(true);
    expect(canBeCarried([{ input: 'x'.repeat(1_899_990) }], false)).toBe(false);
    expect(canBeCarried([{ input: 'x'.repeat(1_000_000) }, 'x'.repeat(1_000_000)], false)).toBe(
      false,
    );
    expect(canBeCarried([{ input: 'x'.repeat(3_000_000) }], true)).toBe(true);
  });

  test('cannot hold a batch of ten thousand calls, and says so', () => {
    expect(isTooWide(8_333)).toBe(false);
    expect(isTooWide(8_334)).toBe(true);
    expect(TOO_WIDE).toMatchObject({ type: 'stop', reason: 'turn_too_large' });
  });

  test('holds no context that lies in the storage, and none where there is none', () => {
    const large = { document: 'x'.repeat(300_000) };

    expect(contextBytes(large, true)).toBe(0);
    expect(contextBytes(large, false)).toBeGreaterThan(300_000);
    expect(contextBytes({ tenant: 'a' }, true)).toBe(14);
    expect(contextBytes(undefined, false)).toBe(0);
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

  test('fits while the result could hold it three times, where it is an answer by a schema', () => {
    const valid = { type: 'valid' } as const;
    expect(replyFits(state, saying(150_000), false, valid)).toBe(true);
    expect(replyFits(state, saying(180_000), false, valid)).toBe(false);
  });

  test('does not fit with so many calls that their answers would not', () => {
    expect(replyFits(state, replyWith({ content: calls(300) }), false)).toBe(true);
    expect(replyFits(state, replyWith({ content: calls(1_000) }), false)).toBe(false);
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

/** Ids are as long as those of the API. */
const replyOf = (count: number) =>
  replyWith({
    content: Array.from({ length: count }, (_, i) =>
      call(`toolu_01${String(i).padStart(22, 'A')}`, 'read_file', { path: `src/${i}.ts` }),
    ),
    stopReason: 'tool_use',
  });
const settledAs = (type: OutcomeType, text: string): SettledCall => ({
  outcome: type === 'succeeded' ? { type, content: text } : { type, message: text },
  attempts: 1,
  start: 0,
  end: 1,
});

describe('thousands of calls in one reply', () => {
  const beginning = beginTurn([{ role: 'user', content: 'go' }]);
  test('of which each says little fit without a storage', () => {
    expect(replyFits(beginning, replyOf(2_500), false)).toBe(true);
    expect(replyFits(beginning, replyOf(4_000), false)).toBe(false);
  });

  test('leave a turn that goes on, where their results are short', () => {
    const reply = replyOf(2_500);
    const calls = reply.content as ReturnType<typeof call>[];
    const settled = calls.map(() => settledAs('succeeded', 'ok'));
    const state = commitResults(commitReply(beginning, reply), calls, settled, false);

    expect(hasOutgrown(state, false)).toBe(false);
    expect(state.calls.every(({ outcome }) => outcome === 'succeeded')).toBe(true);
  });

  test('leave a result that fits into a payload, whatever becomes of them', () => {
    const type = fc.constantFrom<OutcomeType>('succeeded', 'failed', 'unknown', 'skipped');
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 3_500 }),
        type,
        fc.constantFrom('ok', 'x'.repeat(250), '\u0001'.repeat(900), 'é"'.repeat(2_000)),
        (count, ofType, text) => {
          const reply = replyOf(count);
          fc.pre(replyFits(beginning, reply, false));
          const calls = reply.content as ReturnType<typeof call>[];
          const settled = calls.map(() => settledAs(ofType, text));
          const state = commitResults(commitReply(beginning, reply), calls, settled, false);
          const result = turnResult('a', state, state.transcript.tail, {
            type: 'stop',
            reason: 'cancelled',
          });
          // Two megabytes are refused by the server, and the turn would end without a word.
          expect(jsonBytes(result)).toBeLessThan(1_950_000);
        },
      ),
      { numRuns: 30 },
    );
  });
});

describe('the limit for the text of one result of a batch', () => {
  const state = beginTurn([{ role: 'user', content: 'x'.repeat(500_000) }]);

  test.for([
    ['there is none for a call that is alone', 1, false, undefined],
    ['there is none with a storage', 40, true, undefined],
    ['is never so low that it says nothing', 2_000, false, 1_000],
  ] as const)('%s', ([, count, stored, limit]) => {
    expect(maxTextBytes(state, calls(count), stored)).toBe(limit);
  });

  test('is a share of what is left of the payload', () => {
    const share = maxTextBytes(state, calls(10), false) ?? 0;

    expect(share).toBeGreaterThan(99_000);
    expect(share).toBeLessThan(100_000);
  });
});
