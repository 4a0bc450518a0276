import { describe, expect, test } from 'vitest';
import {
  compactionParams,
  hasCompaction,
  segmentsSinceCompaction,
  sinceCompaction,
} from '../../../core/conversation/compaction.ts';
import type { InputBlock, Message } from '../../../core/conversation/messages.ts';
import type { Segment } from '../../../core/conversation/transcript.ts';
import { call } from '../arbitraries.ts';

const said = (text: string): Message => ({ role: 'user', content: text });
const replied = (...content: unknown[]): Message => ({
  role: 'assistant',
  content: content as InputBlock[],
});
const summary = (content: string | null) => ({ type: 'compaction', content });
const result: Message = {
  role: 'user',
  content: [{ type: 'tool_result', tool_use_id: 'toolu_2', content: 'x' }],
};
const segment = (digest: string, compacted = false): Segment => ({
  claim: {},
  digest,
  messages: 2,
  bytes: 100,
  ...(compacted ? { compacted: true } : {}),
});

describe('compaction', () => {
  test("is requested with its beta, and with the API's defaults if nothing is said", () => {
    expect(compactionParams({ triggerTokens: undefined, instructions: undefined })).toEqual({
      betas: ['compact-2026-01-12'],
      context_management: { edits: [{ type: 'compact_20260112' }] },
    });
  });

  test('is requested at a size and with a prompt of the agent', () => {
    expect(compactionParams({ triggerTokens: 60_000, instructions: 'Keep it.' })).toMatchObject({
      context_management: {
        edits: [{ trigger: { type: 'input_tokens', value: 60_000 }, instructions: 'Keep it.' }],
      },
    });
  });
});

describe('the part of a conversation that is sent', () => {
  const before = [said('Begin'), replied(call('toolu_1')), said('More')];
  const after = [replied(summary('So far.'), call('toolu_2')), result];

  test('is the reply with the summary and everything after it', () => {
    expect(sinceCompaction([...before, ...after])).toEqual(after);
  });

  test('begins with the last of several summaries', () => {
    const first = replied(summary('At first.'), { type: 'text', text: 'Hm.' });

    expect(sinceCompaction([said('Begin'), first, ...before, ...after])).toEqual(after);
  });

  test.for([
    ['without a summary', before],
    ['whose compaction has failed', [...before, replied(summary(null)), said('Go on')]],
    ['that is empty', []],
  ] as const)('is everything for a conversation %s', ([, messages]) => {
    expect(sinceCompaction(messages)).toEqual(messages);
    expect(hasCompaction(messages)).toBe(false);
  });
});

describe('among the segments', () => {
  const segments = [segment('a'), segment('b', true), segment('c', true), segment('d')];

  test('those from the last summary on are read', () => {
    expect(segmentsSinceCompaction(segments, [said('Go on')])).toEqual(segments.slice(2));
  });

  test('all are read if there is no summary', () => {
    expect(segmentsSinceCompaction([segment('a'), segment('b')], [])).toHaveLength(2);
    expect(segmentsSinceCompaction([], [said('Begin')])).toEqual([]);
  });

  test('none is read if the tail has a summary', () => {
    expect(segmentsSinceCompaction(segments, [replied(summary('So far.'))])).toEqual([]);
  });
});
