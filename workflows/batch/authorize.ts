import {
  ActivityFailure,
  ApplicationFailure,
  isCancellation,
  rootCause,
  scheduleActivity,
  TimeoutFailure,
  workflowInfo,
} from '@temporalio/workflow';
import { DECISION_REJECTED } from '../../core/failures.ts';
import { shorten } from '../../core/json.ts';
import { AUTHORIZE_DECISION } from '../../core/names.ts';
import { fits } from '../../core/shape.ts';
import { AUTHORIZATION } from '../../core/turn/doors.ts';
import type { Authorization, ProposedDecision } from '../../core/turn/protocol.ts';
import { ownerOf } from '../search-attributes.ts';

/** The Temporal UI shows no more. */
const MAX_SUMMARY = 200;

/**
 * Asks a worker's `authorizeDecision`. Returns why the decision does not count, or `undefined` if it does.
 * Without a clear yes it does not. Throws only if its scope is cancelled. `summaries`: whether the Temporal
 * UI may show who decides.
 */
export async function findAuthorizationProblem(
  proposed: Omit<ProposedDecision, 'turnId' | 'sessionId' | 'user'>,
  { summaries }: { summaries: boolean },
): Promise<string | undefined> {
  const { decision, tool, by } = proposed;
  const who = summaries ? ` by ${by}` : '';
  const about = { turnId: workflowInfo().workflowId, ...ownerOf(workflowInfo()) };
  try {
    const answer = await scheduleActivity<Authorization>(
      AUTHORIZE_DECISION,
      [{ ...about, ...proposed }],
      {
        summary: shorten(`${tool}: may it be ${decision}${who}?`, MAX_SUMMARY),
        startToCloseTimeout: '15s',
        // A client waits for 30 s, and an edited input has been checked before.
        scheduleToCloseTimeout: '20s',
        retry: { maximumAttempts: 3, initialInterval: '300ms' },
        cancellationType: 'TRY_CANCEL',
      },
    );
    if (!fits(AUTHORIZATION, answer))
      return 'What was returned for it does not say whether it counts.';
    return answer.type === 'authorized' ? undefined : answer.message;
  } catch (error) {
    if (isCancellation(error)) throw error;
    if (isFromHook(error)) return rootCause(error);
    return 'no worker could verify it. Check that every worker of the task queue has authorizeDecision, then send it again.';
  }
}

/**
 * Whether `authorizeDecision` itself failed, even if the time ran out before its last attempt. Any other
 * error only says that no worker with it was found in time.
 */
export function isFromHook(error: unknown): boolean {
  if (!(error instanceof ActivityFailure)) return false;
  const { cause } = error;
  const failure = cause instanceof TimeoutFailure ? cause.cause : cause;
  return failure instanceof ApplicationFailure && failure.type === DECISION_REJECTED;
}
