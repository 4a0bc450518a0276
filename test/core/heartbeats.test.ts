import { describe, expect, test } from 'vitest';
import type { Pace } from '../../core/heartbeats.ts';
import { nextHeartbeat } from '../../core/heartbeats.ts';

/** When the heartbeats of an activity go out, in seconds since it began. */
function beats(timeout: number, pace: Pace, until: number): number[] {
  const times: number[] = [];
  let pause: number | undefined;
  for (let now = 0; ;) {
    pause = nextHeartbeat(timeout * 1_000, pace, pause);
    now += pause / 1_000;
    if (now > until) return times;
    times.push(Math.round(now * 100) / 100);
  }
}

describe('heartbeats', () => {
  test.each<[string, timeout: number, Pace, until: number, number[]]>([
    ['none in the first second', 10, 'call', 0.99, []],
    ['of a call soon, and then at 80 % of the timeout', 10, 'call', 29, [1, 5, 13, 21, 29]],
    ['of a reply of 30 s four', 10, 'model request', 30, [1, 9, 17, 25]],
    ['with a long timeout seldom', 60, 'call', 160, [1, 5, 21, 69, 117]],
    ['with two seconds for a busy worker', 5, 'call', 12, [1, 4, 7, 10]],
    ['three in a short timeout', 3, 'call', 4, [1, 2, 3, 4]],
    ['three in a very short timeout', 0.6, 'model request', 1, [0.2, 0.4, 0.6, 0.8, 1]],
    ['never without a pause', 0.05, 'call', 0.16, [0.05, 0.1, 0.15]],
  ])('are sent %s', (_, timeout, pace, until, times) => {
    expect(beats(timeout, pace, until)).toEqual(times);
  });

  test('of a call of 40 minutes are at most 8 within any 60 seconds', () => {
    const all = beats(10, 'call', 2_400);
    for (const from of all) {
      const within = all.filter((at) => at >= from && at < from + 60);
      expect(within.length).toBeLessThanOrEqual(8);
    }
  });
});
