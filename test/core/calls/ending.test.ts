import { describe, expect, test } from 'vitest';
import { failureOutcome, isNotRegistered, timeoutOutcome } from '../../../core/calls/ending.ts';
import { OUTCOME_UNKNOWN, TOOL_TIMED_OUT } from '../../../core/failures.ts';
import { MAY_HAVE_HAPPENED, notStartedText, timedOutText } from '../../../core/calls/texts.ts';

const LIMITS = { startToCloseTimeout: 120_000, heartbeatTimeout: 10_000 };
const LOST = 'The worker that ran the call was lost: no heartbeat for 10 s (heartbeatTimeout).';
const repeatable = { repeatable: true, begun: true };

const lostWorker = (begun: boolean) =>
  timeoutOutcome('HEARTBEAT', LIMITS, { repeatable: false, begun });

test.for([
  [OUTCOME_UNKNOWN, 'unknown'],
  [TOOL_TIMED_OUT, 'timedOut'],
  ['TypeError', 'failed'],
  [undefined, 'failed'],
] as const)('a failure of type %s means that the call is %s', ([type, outcome]) => {
  expect(failureOutcome(type)).toBe(outcome);
});

describe('a call', () => {
  test('whose attempt took too long has timed out', () => {
    expect(timeoutOutcome('START_TO_CLOSE', LIMITS, repeatable)).toEqual({
      type: 'timedOut',
      message: timedOutText(LIMITS, true),
    });
  });

  test('whose worker was lost has timed out, if it may be repeated', () => {
    expect(timeoutOutcome('HEARTBEAT', LIMITS, repeatable)).toEqual({
      type: 'timedOut',
      message: LOST,
    });
  });

  test('whose worker was lost ends unknown if it has begun, and otherwise without effect', () => {
    expect(lostWorker(true)).toEqual({ type: 'unknown', message: `${LOST} ${MAY_HAVE_HAPPENED}` });
    expect(lostWorker(false)).toEqual({
      type: 'failed',
      message: `${LOST} The call had not begun, so it had no effect.`,
    });
  });

  test('that no worker took has timed out', () => {
    const limits = { ...LIMITS, scheduleToStartTimeout: 5_000 };

    expect(timeoutOutcome('SCHEDULE_TO_START', limits, repeatable)).toEqual({
      type: 'timedOut',
      message: notStartedText(limits, true),
    });
  });

  test('that had no time for another attempt has timed out by the limit for all attempts', () => {
    const limits = { ...LIMITS, scheduleToCloseTimeout: 5_000 };

    expect(timeoutOutcome('SCHEDULE_TO_CLOSE', limits, repeatable)).toEqual({
      type: 'timedOut',
      message: 'Timed out: the call did not end within 5 s (scheduleToCloseTimeout).',
    });
  });
});

const report = { attempt: 1, startedAt: 1, endedAt: 2 };

test.each<[type: string | null | undefined, details: unknown, missing: boolean]>([
  ['plait.ToolNotRegistered', undefined, true],
  ['plait.ToolNotRegistered', [report], true],
  ['NotFoundError', undefined, true],
  ['NotFoundError', [report], false],
  ['TypeError', undefined, false],
  [null, undefined, false],
])('the failure %s with %j says that the worker has no such tool: %s', (type, details, missing) => {
  expect(isNotRegistered(type, details)).toBe(missing);
});
