import { defined } from '../json.ts';
import { lostTooOftenText } from './texts.ts';
import type { EarlierAttempts } from './tool-call.ts';
import type { ToolPolicy } from './tool-policy.ts';

// The attempts of a repeatable tool are for its own failures. Attempts that were lost with a worker are
// counted separately: a deployment or a crash says nothing about the tool.

/** `crash`: no more heartbeats. `shutdown`: the worker stopped in order, as in a deployment. */
export type LossType = 'crash' | 'shutdown';

/** How often the worker of a call was lost, by how it was lost. */
export type Losses = Readonly<Record<LossType, number>>;

export const NO_LOSSES: Losses = { crash: 0, shutdown: 0 };

/**
 * After this many losses a call is answered. The call itself may crash its workers, and each crash takes the
 * worker's other calls with it. A shutdown has causes outside of the call.
 */
const MAX_LOSSES: Losses = { crash: 3, shutdown: 10 };

/** The same for turns from before the two were counted separately: their sum. */
const MAX_LOSSES_TOGETHER = 11;

/** Calls that crashed together start their last attempts at random moments within this time. */
const APART_MS = 10_000;

/** The end of an activity whose worker was lost or shut down. */
export interface Loss {
  type: LossType;
  /** The number of the lost attempt, where it is known. */
  attempt: number | undefined;
  /** The number of the last attempt that failed by itself, if known. */
  failedAttempt: number | undefined;
  details: unknown;
}

/** How a call goes on after a loss. */
export interface Tries {
  losses: Losses;
  earlier: EarlierAttempts;
  /** For the rest of the call. */
  policy: ToolPolicy;
}

/** `wait` is in milliseconds, and `why` a sentence for the model. */
export type AfterLoss =
  | { type: 'answer'; why?: string }
  | { type: 'again'; wait: number; tries: Tries };

/** How losses count in a turn; depends on the version of Plait that ran it. */
export type LossRules = 'as failures' | 'apart' | 'by type';

/**
 * What follows when the worker of a call was lost.
 *
 * @param about.rules asked only if the call may be scheduled again
 * @param about.random a number from 0 to 1
 */
export function afterLoss(
  declared: ToolPolicy,
  loss: Loss,
  before: { losses: Losses; earlier: EarlierAttempts | undefined; elapsed: number },
  { rules, random }: { rules: () => LossRules; random: () => number },
): AfterLoss {
  const losses = { ...before.losses, [loss.type]: before.losses[loss.type] + 1 };
  const earlier = attemptsUpTo(loss, before.earlier);
  const again = (wait: number): AfterLoss => {
    const spent = { failures: earlier.failures, elapsed: before.elapsed + wait };
    const policy = policyAfterLoss(declared, spent);
    if (policy === undefined) return { type: 'answer' };
    return { type: 'again', wait, tries: { losses, earlier, policy } };
  };
  const atOnce = again(0);
  if (atOnce.type === 'answer') return atOnce;
  switch (rules()) {
    case 'as failures':
      return { type: 'answer' };
    case 'apart':
      return losses.crash + losses.shutdown < MAX_LOSSES_TOGETHER ? atOnce : { type: 'answer' };
    case 'by type': {
      const { type } = loss;
      if (losses[type] >= MAX_LOSSES[type]) {
        return { type: 'answer', why: lostTooOftenText(type, losses[type]) };
      }
      // One call of the worker may be the cause; started apart, it does not take the others with it again.
      const isLast = type === 'crash' && losses.crash === MAX_LOSSES.crash - 1;
      return isLast ? again(Math.ceil(random() * APART_MS)) : atOnce;
    }
  }
}

/** All attempts up to a loss. The tool itself failed in all but the last of each activity. */
function attemptsUpTo(
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
 * The policy for the rest of a call: without its own failures and the time that has passed. `undefined` if
 * the call must not be scheduled again.
 */
export function policyAfterLoss(
  policy: ToolPolicy,
  { failures, elapsed }: { failures: number; elapsed: number },
): ToolPolicy | undefined {
  const { repeatable, retry, scheduleToCloseTimeout } = policy;
  // A tool that declares a single attempt gets no other, whatever ended it.
  if (!repeatable || retry.maximumAttempts === 1) return undefined;
  const time = scheduleToCloseTimeout === undefined ? undefined : scheduleToCloseTimeout - elapsed;
  if (time !== undefined && time <= 0) return undefined;
  return {
    ...policy,
    ...defined({ scheduleToCloseTimeout: time }),
    retry: { ...retry, maximumAttempts: Math.max(1, retry.maximumAttempts - failures) },
  };
}
