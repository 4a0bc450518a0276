import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { PinnedAgent } from '../../../core/agent-spec.ts';
import { jsonBytes } from '../../../core/json.ts';
import type { Room } from '../../../core/turn/payload-room.ts';
import {
  contextBytes,
  fitsPayload,
  hasOutgrown,
  maxResultBytes,
  maxTextBytes,
  replyFits,
  roomOf,
} from '../../../core/turn/payload-room.ts';
import type { OutcomeType, SettledCall } from '../../../core/calls/outcome.ts';
import { beginTurn, commitReply, commitResults, inlineBytes } from '../../../core/turn/state.ts';
import { turnResult } from '../../../core/turn/result.ts';
import { call, replyWith } from '../arbitraries.ts';

const PAYLOAD: Room = { type: 'payload' };
const STORAGE: Room = { type: 'storage' };

describe('the payloads of a turn', () => {
  test('are unlimited if the agent is pinned in a storage', () => {
    const spec = { digest: 'd', claim: {} };
    expect(roomOf({ spec: { type: 'stored', ...spec } } as PinnedAgent)).toEqual(STORAGE);
    expect(roomOf({ spec: { type: 'inline', digest: 'd' } } as PinnedAgent)).toEqual(PAYLOAD);
    expect(roomOf(undefined)).toEqual(PAYLOAD);
  });

  test('hold the arguments of a run, up to about 1.9 MB without a storage', () => {
    expect(fitsPayload(PAYLOAD, [{ input: 'x'.repeat(1_899_984) }])).toBe(true);
    expect(fitsPayload(PAYLOAD, [{ input: 'x'.repeat(1_899_990) }])).toBe(false);
    expect(fitsPayload(PAYLOAD, [{ input: 'x'.repeat(1_000_000) }, 'x'.repeat(1_000_000)])).toBe(
      false,
    );
    expect(fitsPayload(STORAGE, [{ input: 'x'.repeat(3_000_000) }])).toBe(true);
  });

  test('count a context only if there is no storage for it', () => {
    const large = { document: 'x'.repeat(300_000) };

    expect(contextBytes(STORAGE, large)).toBe(0);
    expect(contextBytes(PAYLOAD, large)).toBeGreaterThan(300_000);
    expect(contextBytes(STORAGE, { tenant: 'a' })).toBe(14);
    expect(contextBytes(PAYLOAD, undefined)).toBe(0);
  });
});

const saying = (length: number) =>
  replyWith({ content: [{ type: 'text', text: 'y'.repeat(length), citations: null }] });
const calls = (count: number) => Array.from({ length: count }, (_, i) => call(`toolu_${i}`));

describe('a reply', () => {
  const state = beginTurn([{ role: 'user', content: 'x'.repeat(1_400_000) }]);

  test('fits if the result can hold it twice, as a message and as the text', () => {
    expect(replyFits(PAYLOAD, inlineBytes(state), saying(240_000))).toBe(true);
    expect(replyFits(PAYLOAD, inlineBytes(state), saying(260_000))).toBe(false);
  });

  test('fits if the result can hold it three times, for an answer with a schema', () => {
    const valid = { type: 'valid' } as const;
    expect(replyFits(PAYLOAD, inlineBytes(state), saying(150_000), valid)).toBe(true);
    expect(replyFits(PAYLOAD, inlineBytes(state), saying(180_000), valid)).toBe(false);
  });

  test('does not fit if it has too many calls for their answers', () => {
    expect(replyFits(PAYLOAD, inlineBytes(state), replyWith({ content: calls(300) }))).toBe(true);
    expect(replyFits(PAYLOAD, inlineBytes(state), replyWith({ content: calls(1_000) }))).toBe(
      false,
    );
  });

  test('always fits if there is a storage', () => {
    expect(replyFits(STORAGE, inlineBytes(state), saying(900_000))).toBe(true);
  });
});

describe('the limit for one result of a batch', () => {
  test.for([
    ['is the general one for a few calls', 4, PAYLOAD, undefined],
    ['is a share of what history takes for many', 40, PAYLOAD, 200_000],
    ['is the general one with a storage, which takes large results', 70, STORAGE, undefined],
    ['is a share also with a storage where all would stand in history', 2_000, STORAGE, 10_000],
  ] as const)('%s', ([, count, room, limit]) => {
    expect(maxResultBytes(room, count)).toBe(limit);
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
  test('that each say little fit without a storage', () => {
    expect(replyFits(PAYLOAD, inlineBytes(beginning), replyOf(2_500))).toBe(true);
    expect(replyFits(PAYLOAD, inlineBytes(beginning), replyOf(4_000))).toBe(false);
  });

  test('leave a turn that goes on, if their results are short', () => {
    const reply = replyOf(2_500);
    const calls = reply.content as ReturnType<typeof call>[];
    const settled = calls.map(() => settledAs('succeeded', 'ok'));
    const state = commitResults(PAYLOAD, commitReply(beginning, reply), calls, settled);

    expect(hasOutgrown(PAYLOAD, inlineBytes(state))).toBe(false);
    expect(state.calls.every(({ outcome }) => outcome === 'succeeded')).toBe(true);
  });

  test('leave a result that fits into a payload, however they end', () => {
    const type = fc.constantFrom<OutcomeType>('succeeded', 'failed', 'unknown', 'skipped');
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 3_500 }),
        type,
        fc.constantFrom('ok', 'x'.repeat(250), '\u0001'.repeat(900), 'é"'.repeat(2_000)),
        (count, ofType, text) => {
          const reply = replyOf(count);
          fc.pre(replyFits(PAYLOAD, inlineBytes(beginning), reply));
          const calls = reply.content as ReturnType<typeof call>[];
          const settled = calls.map(() => settledAs(ofType, text));
          const state = commitResults(PAYLOAD, commitReply(beginning, reply), calls, settled);
          const stop = { type: 'stop', reason: 'cancelled' } as const;
          const result = turnResult('a', state, state.transcript.tail, stop, 0);
          // Two megabytes are refused by the server, and the turn would end without a word.
          expect(jsonBytes(result)).toBeLessThan(1_950_000);
        },
      ),
      { numRuns: 12 },
    );
  });
});

describe('the limit for the text of one result of a batch', () => {
  const state = beginTurn([{ role: 'user', content: 'x'.repeat(500_000) }]);

  test.for([
    ['a call that is alone has no limit', 1, PAYLOAD, undefined],
    ['with a storage there is no limit', 40, STORAGE, undefined],
    ['is never so low that it says nothing', 2_000, PAYLOAD, 1_000],
  ] as const)('%s', ([, count, room, limit]) => {
    expect(maxTextBytes(room, inlineBytes(state), calls(count))).toBe(limit);
  });

  test('is a share of the rest of the payload', () => {
    const share = maxTextBytes(PAYLOAD, inlineBytes(state), calls(10)) ?? 0;

    expect(share).toBeGreaterThan(99_000);
    expect(share).toBeLessThan(100_000);
  });
});
