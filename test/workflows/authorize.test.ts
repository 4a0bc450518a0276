import { ActivityFailure, ApplicationFailure, TimeoutFailure } from '@temporalio/common';
import { expect, test } from 'vitest';
import { DECISION_REJECTED } from '../../core/failures.ts';
import { isFromHook } from '../../workflows/batch/authorize.ts';

const failedBy = (cause: Error) =>
  new ActivityFailure('Activity task failed', 'authorize', '1', 'TIMEOUT', 'worker', cause);
const timedOut = (cause?: Error) => {
  const failure = new TimeoutFailure('activity timeout', undefined, 'SCHEDULE_TO_CLOSE');
  return Object.assign(failure, { cause });
};
const ofHook = ApplicationFailure.create({ type: DECISION_REJECTED, message: 'directory is down' });
const ofWorker = ApplicationFailure.create({ type: 'NotFoundError', message: 'not registered' });

test.each([
  ['the last attempt failed by the hook', failedBy(ofHook), true],
  ['the time was up after an attempt that failed by the hook', failedBy(timedOut(ofHook)), true],
  ['no worker had the hook', failedBy(ofWorker), false],
  ['the time was up, and no worker had the hook', failedBy(timedOut(ofWorker)), false],
  ['the time was up before any answer', failedBy(timedOut()), false],
  ['no activity failed', ofHook, false],
])('whether a decision is rejected in the words of its hook, if %s', (_, error, expected) => {
  expect(isFromHook(error)).toBe(expected);
});
