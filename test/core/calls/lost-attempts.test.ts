import { describe, expect, test } from 'vitest';
import { attemptsUpTo, MAX_LOSSES, policyAfterLoss } from '../../../core/calls/lost-attempts.ts';
import { activityOptions, toolPolicy } from '../../../core/calls/tool-policy.ts';

const loss = { attempt: undefined, failedAttempt: undefined, details: undefined };

describe('the attempts up to a loss', () => {
  test('are one where nothing is known, and it was no failure of the tool', () => {
    expect(attemptsUpTo(loss, undefined)).toEqual({ attempts: 1, failures: 0 });
  });

  test('are those before it as well, which the tool has failed itself', () => {
    expect(attemptsUpTo({ ...loss, attempt: 3 }, undefined)).toEqual({ attempts: 3, failures: 2 });
    expect(attemptsUpTo({ ...loss, attempt: 1, failedAttempt: 1 }, undefined)).toEqual({
      attempts: 2,
      failures: 1,
    });
  });

  test('go on from those of earlier activities, with their details', () => {
    const before = { attempts: 3, failures: 1, details: 'page 3' };

    expect(attemptsUpTo(loss, before)).toEqual({ attempts: 4, failures: 1, details: 'page 3' });
    expect(attemptsUpTo({ ...loss, attempt: 5, details: 'page 5' }, before)).toEqual({
      attempts: 5,
      failures: 2,
      details: 'page 5',
    });
  });
});

describe('a call whose worker was lost', () => {
  const policy = toolPolicy(true, { retry: { maximumAttempts: 3 } });
  const after = { failures: 1, losses: 1, elapsed: 1_000 };

  test('has as many attempts left as its tool has not failed', () => {
    expect(policyAfterLoss(policy, after)?.retry.maximumAttempts).toBe(2);
    expect(policyAfterLoss(policy, { ...after, failures: 9 })?.retry.maximumAttempts).toBe(1);
  });

  test('has the time left that has not passed', () => {
    const limited = { ...policy, scheduleToCloseTimeout: 1_500 };

    expect(policyAfterLoss(limited, after)).toMatchObject({ scheduleToCloseTimeout: 500 });
    expect(policyAfterLoss(limited, { ...after, elapsed: 1_500 })).toBeUndefined();
  });

  test('is not scheduled again for ever, nor where it may not be repeated', () => {
    expect(policyAfterLoss(policy, { ...after, losses: MAX_LOSSES })).toBeDefined();
    expect(policyAfterLoss(policy, { ...after, losses: MAX_LOSSES + 1 })).toBeUndefined();
    expect(policyAfterLoss(toolPolicy(false), after)).toBeUndefined();
    const once = toolPolicy(true, { retry: { maximumAttempts: 1 } });
    expect(policyAfterLoss(once, after)).toBeUndefined();
  });

  test('comes back to the workflow at once', () => {
    expect(activityOptions(policy).retry?.nonRetryableErrorTypes).toEqual([
      'PayloadsTooLarge',
      'TemporalTimeout:Heartbeat',
      'plait.WorkerShutdown',
    ]);
  });
});
