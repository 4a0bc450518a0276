import { describe, expect, it } from 'vitest';
import type { TimedCall } from '../../../core/turn/timing.ts';
import { addBatchTime, addModelTime, criticalCalls, timingOf } from '../../../core/turn/timing.ts';

const BATCH = { start: 1_000, end: 2_000 };

function ran(start: number, end: number, about: Partial<TimedCall> = {}): TimedCall {
  return { start, end, ...about };
}

describe('the time of a turn', () => {
  it('is divided among the model, tools, people and Temporal', () => {
    const asked = addModelTime(undefined, { start: 0, end: 1_000 });
    const answered = addBatchTime(asked, [ran(1_010, 1_410), ran(1_020, 1_990)], BATCH);
    const again = addModelTime(answered, { start: 2_000, end: 2_500 });
    expect(timingOf(again, 2_600)).toEqual({
      wallTime: 2_600,
      width: 2,
      oneAfterAnother: 2_600 - 980 + 400 + 970,
      speedUp: 1.15,
      shares: { model: 1_500, tools: 980, people: 0, temporal: 120 },
    });
  });

  it('is all Temporal’s before the model was asked, and zero time causes no division by zero', () => {
    expect(timingOf(undefined, 500).shares).toEqual({
      model: 0,
      tools: 0,
      people: 0,
      temporal: 500,
    });
    expect(timingOf(undefined, 0)).toMatchObject({ wallTime: 0, speedUp: 1, width: 0 });
  });

  it('is no shorter than its parts, whatever clocks they were measured by', () => {
    const times = addModelTime(undefined, { start: 0, end: 900 });
    expect(timingOf(times, 800)).toMatchObject({ wallTime: 900, shares: { temporal: 0 } });
    expect(addModelTime(times, { start: 10, end: 0 })).toEqual(times);
  });
});

function partsOf(calls: TimedCall[]) {
  const { tools, people, calls: sum, width } = addBatchTime(undefined, calls, BATCH);
  return { tools, people, sum, width };
}

describe('the calls of a reply', () => {
  it.each<[what: string, calls: TimedCall[], parts: ReturnType<typeof partsOf>]>([
    ['none', [], { tools: 0, people: 0, sum: 0, width: 0 }],
    ['one that never ran', [ran(1_500, 1_500)], { tools: 0, people: 0, sum: 0, width: 0 }],
    [
      'one behind the other are never two at once',
      [ran(1_000, 1_400), ran(1_400, 1_800)],
      { tools: 800, people: 0, sum: 800, width: 1 },
    ],
    [
      'one whose server asks a person twice runs before, between and after',
      [
        ran(1_000, 1_900, {
          asked: [
            { start: 1_100, end: 1_400 },
            { start: 1_500, end: 1_800 },
          ],
        }),
      ],
      { tools: 300, people: 600, sum: 300, width: 1 },
    ],
    [
      'one that runs while another waits for an answer',
      [ran(1_000, 1_900, { asked: [{ start: 1_100, end: 1_900 }] }), ran(1_000, 1_500)],
      { tools: 500, people: 400, sum: 600, width: 2 },
    ],
    [
      'side by side count once for the turn and each for itself',
      [ran(1_000, 1_600), ran(1_200, 1_400), ran(1_500, 1_900)],
      { tools: 900, people: 0, sum: 1_200, width: 2 },
    ],
    [
      'one that began early takes the turn only the time after the reply',
      [ran(400, 1_300, { startedEarly: true })],
      { tools: 300, people: 0, sum: 900, width: 1 },
    ],
    [
      'one whose worker’s clock is ahead stays in its batch',
      [ran(61_200, 61_700)],
      { tools: 500, people: 0, sum: 500, width: 1 },
    ],
    [
      'one whose worker’s clock is behind does too',
      [ran(200, 700)],
      { tools: 500, people: 0, sum: 500, width: 1 },
    ],
    [
      'one that waits for a person, beside one that runs',
      [ran(1_000, 1_300), ran(1_900, 2_000, { waitedUntil: 1_900 })],
      { tools: 400, people: 600, sum: 400, width: 1 },
    ],
    [
      'one that a person denied',
      [ran(1_700, 1_700, { waitedUntil: 1_700 })],
      { tools: 0, people: 700, sum: 0, width: 0 },
    ],
  ])('take their time: %s', (_, calls, parts) => {
    expect(partsOf(calls)).toEqual(parts);
  });

  it('are at most as many at once as in the widest reply', () => {
    const wide = addBatchTime(undefined, [ran(1_000, 1_200), ran(1_000, 1_200)], BATCH);
    expect(addBatchTime(wide, [ran(2_000, 2_100)], { start: 2_000, end: 2_100 }).width).toBe(2);
  });
});

describe('the calls that determined how long a batch lasted', () => {
  it('are the last one and those whose ends led to it', () => {
    const after = new Map([
      [3, 1],
      [1, 0],
      [2, 0],
    ]);
    expect(criticalCalls(3, (index) => after.get(index))).toEqual([3, 1, 0]);
    expect(criticalCalls(undefined, (index) => after.get(index))).toEqual([]);
  });

  it('are found even if the data form a circle', () => {
    expect(criticalCalls(0, (index) => 1 - index)).toEqual([0, 1]);
  });
});
