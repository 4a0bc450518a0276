import { compileRetryPolicy } from '@temporalio/common/lib/retry-policy.js';
import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { ToolPolicyOverrides } from '../../../core/calls/tool-policy.ts';
import { activityOptions, toolPolicy } from '../../../core/calls/tool-policy.ts';

const SERVER_TIMEOUTS = ['TemporalTimeout:StartToClose', 'TemporalTimeout:Heartbeat'];

describe('the policy of a tool', () => {
  test('that may be repeated has three attempts, even after timeouts', () => {
    expect(toolPolicy(true)).toEqual({
      repeatable: true,
      startToCloseTimeout: 120_000,
      heartbeatTimeout: 10_000,
      retry: {
        maximumAttempts: 3,
        initialInterval: 1_000,
        maximumInterval: 30_000,
        backoffCoefficient: 2,
        nonRetryableErrorTypes: ['PayloadsTooLarge'],
      },
    });
  });

  test('that may not be repeated has five attempts, none after a timeout of the server', () => {
    expect(toolPolicy(false).retry).toMatchObject({
      maximumAttempts: 5,
      nonRetryableErrorTypes: ['PayloadsTooLarge', ...SERVER_TIMEOUTS],
    });
  });

  test('has no limit for waiting until a worker is free', () => {
    expect(toolPolicy(true)).not.toHaveProperty('scheduleToCloseTimeout');
    expect(toolPolicy(true)).not.toHaveProperty('scheduleToStartTimeout');
  });

  test('takes what is declared, and keeps the other defaults', () => {
    const policy = toolPolicy(true, {
      startToCloseTimeout: 5_000,
      scheduleToCloseTimeout: 60_000,
      retry: { maximumAttempts: 7 },
    });

    expect(policy).toMatchObject({
      startToCloseTimeout: 5_000,
      heartbeatTimeout: 10_000,
      scheduleToCloseTimeout: 60_000,
      retry: { maximumAttempts: 7, initialInterval: 1_000 },
    });
  });

  test('treats undefined like an option that is left out', () => {
    // What an untyped caller writes; with it an activity would have no timeout at all.
    const declared: object = {
      startToCloseTimeout: undefined,
      heartbeatTimeout: undefined,
      retry: { maximumAttempts: undefined, nonRetryableErrorTypes: undefined },
    };

    expect(toolPolicy(true, declared)).toEqual(toolPolicy(true));
    expect(toolPolicy(false, { ...declared, retry: undefined } as object)).toEqual(
      toolPolicy(false),
    );
  });

  test('adds declared error types to its own, which nobody can remove', () => {
    const declared = { retry: { nonRetryableErrorTypes: ['NoSuchCustomer'] } };

    expect(toolPolicy(false, declared).retry.nonRetryableErrorTypes).toEqual([
      'NoSuchCustomer',
      'PayloadsTooLarge',
      ...SERVER_TIMEOUTS,
    ]);
  });

  test.for([
    ['the longest wait grows with a long first one', { initialInterval: 60_000 }, [60_000, 60_000]],
    ['the first wait shrinks with a short longest one', { maximumInterval: 500 }, [500, 500]],
    ['both stay where they are declared', { initialInterval: 5, maximumInterval: 7 }, [5, 7]],
  ] as const)('never has a first wait above the longest: %s', ([, retry, expected]) => {
    const { initialInterval, maximumInterval } = toolPolicy(true, { retry }).retry;

    expect([initialInterval, maximumInterval]).toEqual(expected);
  });

  test('is valid for Temporal, for any single declared interval', () => {
    const interval = fc.integer({ min: 1, max: 1_000_000_000 });
    const retry = fc.oneof(
      interval.map((initialInterval) => ({ initialInterval })),
      interval.map((maximumInterval) => ({ maximumInterval })),
    );
    fc.assert(
      fc.property(retry, fc.boolean(), (declared: ToolPolicyOverrides['retry'], repeatable) => {
        const policy = toolPolicy(repeatable, declared === undefined ? {} : { retry: declared });
        expect(() => compileRetryPolicy(policy.retry)).not.toThrow();
      }),
    );
  });
});

describe('the options under which a call is scheduled', () => {
  test('come from the policy, and wait until a cancelled tool has stopped', () => {
    const { repeatable: _, ...policy } = toolPolicy(false, { scheduleToStartTimeout: 1_000 });

    expect(activityOptions(toolPolicy(false, { scheduleToStartTimeout: 1_000 }))).toEqual({
      ...policy,
      cancellationType: 'WAIT_CANCELLATION_COMPLETED',
    });
  });
});
