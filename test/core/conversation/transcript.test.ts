import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { Message } from '../../../core/conversation/messages.ts';
import type { Segment } from '../../../core/conversation/transcript.ts';
import {
  allMessages,
  append,
  EMPTY_TRANSCRIPT,
  lastCalls,
  messageCount,
  references,
  sealed,
  SEAL_BYTES,
  SEGMENT_BYTES,
  segmentsToAbsorb,
} from '../../../core/conversation/transcript.ts';
import { jsonBytes } from '../../../core/json.ts';

const says = (text: string): Message => ({ role: 'user', content: text });
const segment = (bytes: number): Segment => ({ claim: {}, digest: '', messages: 1, bytes });

describe('a transcript', () => {
  test('begins without messages', () => {
    expect(EMPTY_TRANSCRIPT).toEqual({ segments: [], tail: [], tailBytes: 0 });
  });

  test('takes messages at its end and counts their bytes', () => {
    const first = append(EMPTY_TRANSCRIPT, says('Hello'));
    const second = append(first, { role: 'assistant', content: 'Grüße 🧵' }, says('Bye'));

    expect(second.tail.map(({ content }) => content)).toEqual(['Hello', 'Grüße 🧵', 'Bye']);
    expect(second.tailBytes).toBe(second.tail.reduce((sum, one) => sum + jsonBytes(one), 0));
  });

  test('is never changed by what is appended to it', () => {
    const before = append({ ...EMPTY_TRANSCRIPT, segments: [segment(7)] }, says('Hello'));
    const copy = structuredClone(before);

    append(before, says('more'));

    expect(before).toEqual(copy);
    expect(EMPTY_TRANSCRIPT.tail).toEqual([]);
  });

  test('keeps its segments when it grows', () => {
    const transcript = append({ ...EMPTY_TRANSCRIPT, segments: [segment(7)] }, says('Hello'));

    expect(transcript.segments).toEqual([segment(7)]);
  });

  test('has an empty tail once it is sealed', () => {
    const transcript = sealed(append(EMPTY_TRANSCRIPT, says('Hello')), [segment(7)]);

    expect(transcript).toMatchObject({ segments: [segment(7)], tail: [], tailBytes: 0 });
  });

  test('remembers what was sealed while that is small', () => {
    const first = sealed(append(EMPTY_TRANSCRIPT, says('Hello')), [segment(7)]);
    const second = sealed(append(first, says('more')), [segment(14)]);

    expect(allMessages(append(second, says('Bye')))).toEqual([
      says('Hello'),
      says('more'),
      says('Bye'),
    ]);
  });

  test('does not remember what is long, or what comes after it', () => {
    const long = sealed(append(EMPTY_TRANSCRIPT, says('Hello')), [segment(300_000)]);

    expect(allMessages(long)).toBeUndefined();
    expect(allMessages(sealed(append(long, says('more')), [segment(7)]))).toBeUndefined();
    expect(allMessages(append(EMPTY_TRANSCRIPT, says('Hello')))).toEqual([says('Hello')]);
  });
});

describe('for a transcript', () => {
  const call = { type: 'tool_use', id: 'toolu_1', name: 'look', input: {} } as const;
  const asks: Message = { role: 'assistant', content: [{ type: 'text', text: 'Let me' }, call] };

  test('the messages are counted, including those in segments', () => {
    expect(messageCount(EMPTY_TRANSCRIPT)).toBe(0);
    const segments = [
      { ...segment(7), messages: 3 },
      { ...segment(7), messages: 4 },
    ];
    expect(messageCount(append({ ...EMPTY_TRANSCRIPT, segments }, says('Hello')))).toBe(8);
  });

  test('the references hold the same messages, without what only saves a read', () => {
    const transcript = append(sealed(append(EMPTY_TRANSCRIPT, says('Hello')), [segment(7)]), asks);
    const { sealedMessages, ...rest } = transcript;
    expect(sealedMessages).toEqual([says('Hello')]);
    expect(references(transcript)).toEqual(rest);
  });

  test('the last calls are those of the last message, while they are open', () => {
    const asked = append(EMPTY_TRANSCRIPT, says('Hello'), asks);
    expect(lastCalls(asked)).toEqual([call]);
    expect(lastCalls(append(asked, says('answered')))).toEqual([]);
    expect(lastCalls(append(EMPTY_TRANSCRIPT, { role: 'assistant', content: 'Hi' }))).toEqual([]);
    expect(lastCalls(EMPTY_TRANSCRIPT)).toEqual([]);
  });
});

/** Seals tails one after the other. A segment holds numbers, and a tail is the next number. */
function sealAll(tails: readonly number[], overhead = 0) {
  let segments: (Segment & { held: number[] })[] = [];
  let written = 0;
  for (const [i, bytes] of tails.entries()) {
    const kept = segments.length - segmentsToAbsorb(segments, bytes);
    const absorbed = segments.slice(kept);
    const size = absorbed.reduce((sum, one) => sum + one.bytes, bytes) + overhead;
    written += size;
    segments = [
      ...segments.slice(0, kept),
      { ...segment(size), held: [...absorbed.flatMap(({ held }) => held), i] },
    ];
  }
  return { segments, written };
}

/** Full ones, which together with their neighbour are over 1 MB, and a counter's digits. */
function mostSegments(count: number, bytes: number): number {
  return 2 * Math.floor((count * bytes) / SEGMENT_BYTES) + Math.log2(SEGMENT_BYTES / bytes) + 2;
}

describe('a tail that is sealed', () => {
  test.for([
    ['there are no segments', [], 100, 0],
    ['the last segment is much larger', [1_000], 100, 0],
    ['the last segment is of its size', [1_000, 100], 100, 1],
    ['the last segment is twice as large', [1_000, 200], 100, 1],
    ['the last segment is more than twice as large', [1_000, 201], 100, 0],
    ['the last segments are smaller', [1_000, 30, 20, 10], 100, 3],
    ['what it absorbs makes it large enough for the one before', [400, 200, 100], 100, 3],
    ['both together fill a segment', [SEGMENT_BYTES - 100], SEGMENT_BYTES / 2, 0],
    ['both together just fit into a segment', [SEGMENT_BYTES / 2], SEGMENT_BYTES / 2, 1],
    ['it is larger than a segment itself', [10], SEGMENT_BYTES + 1, 0],
  ] as const)('absorbs small segments before it if %s', ([, segments, bytes, expected]) => {
    expect(segmentsToAbsorb(segments.map(segment), bytes)).toBe(expected);
  });

  test('leaves few segments after a hundred of the same size', () => {
    const { segments } = sealAll(Array.from({ length: 100 }, () => SEAL_BYTES));

    expect(segments.length).toBeLessThanOrEqual(8);
  });

  test('leaves few segments even if a stored segment is a little larger than its tail', () => {
    // The brackets and commas of the list.
    const { segments } = sealAll(
      Array.from({ length: 100 }, () => SEAL_BYTES),
      10,
    );

    expect(segments.length).toBeLessThanOrEqual(8);
  });

  test('leaves few segments even if each is a little smaller than the last', () => {
    const { segments } = sealAll(Array.from({ length: 100 }, (_, i) => 30_000 - 10 * i));

    expect(segments.length).toBeLessThanOrEqual(10);
  });

  test('leaves few segments in the order of their messages, for any number of equal tails', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 300 }),
        fc.integer({ min: SEAL_BYTES, max: SEGMENT_BYTES }),
        (count, bytes) => {
          const tails = Array.from({ length: count }, () => bytes);
          const { segments } = sealAll(tails);
          expect(segments.flatMap(({ held }) => held)).toEqual(tails.map((_, i) => i));
          expect(segments.length).toBeLessThanOrEqual(mostSegments(count, bytes));
        },
      ),
    );
  });

  test('leaves neighbours that fill a segment together or are halved, and writes a message a few times, for any tails', () => {
    const tail = fc.oneof(
      fc.integer({ min: SEAL_BYTES, max: 40_000 }),
      fc.integer({ min: SEAL_BYTES, max: 2 * SEGMENT_BYTES }),
    );
    fc.assert(
      fc.property(fc.array(tail, { minLength: 1, maxLength: 300 }), (tails) => {
        const { segments, written } = sealAll(tails);
        const total = tails.reduce((sum, bytes) => sum + bytes, 0);
        expect(segments.flatMap(({ held }) => held)).toEqual(tails.map((_, i) => i));
        for (const [i, { bytes }] of segments.entries()) {
          const before = segments[i - 1]?.bytes ?? Number.POSITIVE_INFINITY;
          expect(before > 2 * bytes || before + bytes > SEGMENT_BYTES).toBe(true);
        }
        // A segment is written again only where it grows by half, up to 1 MB.
        const most = 1 + Math.log(SEGMENT_BYTES / SEAL_BYTES) / Math.log(1.5);
        expect(written / total).toBeLessThanOrEqual(most);
      }),
    );
  });

  test('never makes a segment above the limit from smaller ones', () => {
    fc.assert(
      fc.property(
        fc.array(fc.integer({ min: 1, max: SEGMENT_BYTES }), { maxLength: 100 }),
        (tails) => {
          const { segments } = sealAll(tails);
          expect(segments.every(({ bytes }) => bytes <= SEGMENT_BYTES)).toBe(true);
        },
      ),
    );
  });
});

test('a message with half an emoji enters the conversation without it', () => {
  const said: Message = { role: 'user', content: 'cut \ud83d' };
  const { tail, tailBytes } = append(EMPTY_TRANSCRIPT, said);
  expect(tail).toEqual([{ role: 'user', content: 'cut \ufffd' }]);
  expect(tailBytes).toBe(jsonBytes(tail[0]));
});
