import { describe, expect, test } from 'vitest';
import type { LocalEnd } from '../../../core/calls/local.ts';
import {
  afterLocal,
  localOptions,
  localTime,
  localTools,
  mayStartLocally,
  runsLocally,
} from '../../../core/calls/local.ts';
import { NO_LOSSES } from '../../../core/calls/lost-attempts.ts';
import { activityOptions, toolPolicy } from '../../../core/calls/tool-policy.ts';

const local = toolPolicy(true, { execution: 'local' });
const ordinary = toolPolicy(true);
const call = { policy: local, asked: false };

describe('a batch', () => {
  test.each<[why: string, calls: (typeof call)[], time: number | undefined, expected: boolean]>([
    ['whose calls all may runs locally', [call, call], undefined, true],
    ['with time enough too', [call], 8_000, true],
    ['with less time than it may take does not', [call], 7_999, false],
    ['with one ordinary call does not', [call, { ...call, policy: ordinary }], undefined, false],
    ['of which a person is asked does not', [call, { ...call, asked: true }], undefined, false],
    ['of which nothing can run does not', [], undefined, false],
  ])('%s', (_, calls, time, expected) => {
    expect(runsLocally(calls, time)).toBe(expected);
  });

  test('does not start calls locally forever, since the turn receives nothing meanwhile', () => {
    expect([0, 2_000, 2_001].map(mayStartLocally)).toEqual([true, true, false]);
  });

  test('ends before the workflow task must be renewed, whatever its tools do', () => {
    expect(2_000 + Number(localOptions(local)['startToCloseTimeout'])).toBeLessThanOrEqual(8_000);
  });
});

describe('a local attempt', () => {
  test('has five seconds, or less if its tool or its call has less', () => {
    expect(localTime(local)).toBe(5_000);
    expect(localTime({ ...local, startToCloseTimeout: 800 })).toBe(800);
    expect(localTime({ ...local, scheduleToCloseTimeout: 300 })).toBe(300);
    // A plain client may start a turn with any policy.
    expect(localTime({ ...local, startToCloseTimeout: 60_000 })).toBe(5_000);
  });

  test('is a single one, and an ordinary attempt does not know about it', () => {
    expect(localOptions(local).retry).toEqual({ maximumAttempts: 1 });
    expect(activityOptions(local)).not.toHaveProperty('execution');
  });
});

describe('after a local attempt a call', () => {
  const failed: LocalEnd = {
    type: 'failed',
    isFinal: false,
    retryDelay: undefined,
    details: undefined,
  };
  const policy = toolPolicy(true, {
    execution: 'local',
    retry: { maximumAttempts: 4, initialInterval: 100, maximumInterval: 150 },
  });

  test('that failed has one attempt less, after the wait of its policy', () => {
    expect(afterLocal(policy, failed, 20)).toEqual({
      type: 'goes on',
      earlier: { attempts: 1, failures: 1 },
      losses: NO_LOSSES,
      delay: 100,
      policy: { ...policy, retry: { ...policy.retry, maximumAttempts: 3, initialInterval: 150 } },
    });
  });

  test('waits as long as the error asks for, and goes on from what it has recorded', () => {
    const end: LocalEnd = { ...failed, retryDelay: 7_000, details: { page: 3 } };
    expect(afterLocal(policy, end, 20)).toMatchObject({
      delay: 7_000,
      earlier: { attempts: 1, failures: 1, details: { page: 3 } },
    });
  });

  test('has ended if the failure is final', () => {
    const end: LocalEnd = { ...failed, isFinal: true };
    expect(afterLocal(policy, end, 20)).toEqual({ type: 'ended', outOfTime: false });
  });

  test('goes on at once, with all of its attempts, if its tool was not called', () => {
    expect(afterLocal(policy, { type: 'not run' }, 20)).toEqual({
      type: 'goes on',
      losses: NO_LOSSES,
      delay: 0,
      policy,
    });
  });

  test('goes on at once if its worker shut down, which is not a failure', () => {
    const end: LocalEnd = { type: 'shutdown', details: 'page 3' };
    expect(afterLocal(policy, end, 20)).toEqual({
      type: 'goes on',
      earlier: { attempts: 1, failures: 0, details: 'page 3' },
      losses: { crash: 0, shutdown: 1 },
      delay: 0,
      policy,
    });
  });

  test('goes on at once if there is no room for its result, which is not a failure', () => {
    expect(afterLocal(policy, { type: 'no room' }, 20)).toEqual({
      type: 'goes on',
      earlier: { attempts: 1, failures: 0 },
      losses: NO_LOSSES,
      delay: 0,
      policy,
    });
  });

  test('has the time left that the attempt and the wait did not use', () => {
    const limited = { ...policy, scheduleToCloseTimeout: 1_000 };
    expect(afterLocal(limited, failed, 300)).toMatchObject({
      policy: { scheduleToCloseTimeout: 600 },
    });
    expect(afterLocal(limited, failed, 900)).toEqual({ type: 'ended', outOfTime: true });
    expect(afterLocal(limited, { type: 'not run' }, 1_000)).toEqual({
      type: 'ended',
      outOfTime: false,
    });
  });
});

test('clients that follow a turn know which tools may run locally', () => {
  expect(
    localTools([
      ['look', local],
      ['pay', ordinary],
    ]),
  ).toEqual(['look']);
});
