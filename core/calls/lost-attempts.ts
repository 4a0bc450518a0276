import { defined } from '../json.ts';
import type { EarlierAttempts } from './tool-call.ts';
import type { ToolPolicy } from './tool-policy.ts';

// A tool that is safe to repeat has attempts for failures of its own. Those that were lost with a worker are
// counted apart: a deployment or a crash says nothing about the tool.

/**
 * How often a call is scheduled again because its worker was lost. Not for ever: the call itself may be
 * what ends its workers.
 */
export const MAX_LOSSES = 10;

/** The end of an activity whose worker was lost or shut down. */
export interface Loss {
  /** The number of the lost attempt, where it is known. */
  attempt: number | undefined;
  /** The number of the last attempt that failed by itself, where one is known. */
  failedAttempt: number | undefined;
  details: unknown;
}

/** All attempts up to a loss. Each before the lost one in its activity was a failure of the tool. */
export function attemptsUpTo(
  { attempt = 0, failedAttempt = 0, details }: Loss,
  before: EarlierAttempts | undefined,
): EarlierAttempts {
  const { attempts = 0, failures = 0 } = before ?? {};
  const number = Math.max(attempt, failedAttempt + 1, attempts + 1);
  return {
    attempts: number,
    failures: failures + number - attempts - 1,
    ...defined({ details: details ?? before?.details }),
  };
}

/**
 * The policy for what is left of a call: its own failures and the time that has passed are taken off.
 * `undefined` where the call is not to be scheduled again.
 */
export function policyAfterLoss(
  policy: ToolPolicy,
  { failures, losses, elapsed }: { failures: number; losses: number; elapsed: number },
): ToolPolicy | undefined {
  const { repeatable, retry, scheduleToCloseTimeout } = policy;
  // Who declares a single attempt wants no other, whatever ended it.
  if (!repeatable || retry.maximumAttempts === 1 || losses > MAX_LOSSES) return undefined;
  const time = scheduleToCloseTimeout === undefined ? undefined : scheduleToCloseTimeout - elapsed;
  if (time !== undefined && time <= 0) return undefined;
  return {
    ...policy,
    ...defined({ scheduleToCloseTimeout: time }),
    retry: { ...retry, maximumAttempts: Math.max(1, retry.maximumAttempts - failures) },
  };
}
