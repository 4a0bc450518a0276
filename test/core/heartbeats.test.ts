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
    ['of a call soon, and then at 80 % of the timeout', 10, 'call', 31, [1, 3, 7, 15, 23, 31]],
    ['of a reply of 30 s four', 10, 'model request', 30, [1, 7, 15, 23]],
    ['with a long timeout seldom', 60, 'call', 160, [1, 3, 7, 15, 31, 63, 111, 159]],
    ['with two seconds for a busy worker', 5, 'call', 12, [1, 3, 6, 9, 12]],
    ['three in a short timeout', 3, 'call', 4, [1, 2, 3, 4]],
    ['three in a very short timeout', 0.6, 'model request', 1, [0.2, 0.4, 0.6, 0.8, 1]],
    ['never without a pause', 0.05, 'call', 0.16, [0.05, 0.1, 0.15]],
  ])('go out %s', (_, timeout, pace, until, times) => {
    expect(beats(timeout, pace, until)).toEqual(times);
  });

  test('of a call of 40 minutes are fewer than 8 a minute', () => {
    expect(beats(10, 'call', 2_400).length / 40).toBeLessThan(8);
  });
});
