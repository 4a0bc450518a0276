import {
  ActivityFailure,
  ApplicationFailure,
  isCancellation,
  rootCause,
  scheduleActivity,
  workflowInfo,
} from '@temporalio/workflow';
import { DECISION_REJECTED } from '../../core/failures.ts';
import { defined, shorten } from '../../core/json.ts';
import { AUTHORIZE_DECISION } from '../../core/names.ts';
import { USER_ATTRIBUTE } from '../../core/search-attributes.ts';
import { fits } from '../../core/shape.ts';
import { AUTHORIZATION } from '../../core/turn/doors.ts';
import type { Authorization, ProposedDecision } from '../../core/turn/protocol.ts';

/** The Temporal UI shows no more. */
const MAX_SUMMARY = 200;

/**
 * Asks the `authorizeDecision` of a worker: why the decision does not count, or `undefined` where it does.
 * Without a clear yes it does not count. Throws only when its scope is cancelled.
 */
export async function findAuthorizationProblem(
  proposed: Omit<ProposedDecision, 'turnId' | 'sessionId' | 'user'>,
): Promise<string | undefined> {
  const { decision, tool, by } = proposed;
  try {
    const answer = await scheduleActivity<Authorization>(
      AUTHORIZE_DECISION,
      [{ ...aboutTurn(), ...proposed }],
      {
        summary: shorten(`${tool}: may it be ${decision} by ${by}?`, MAX_SUMMARY),
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
    if (isOwn(error)) return rootCause(error);
    return 'no worker could verify it. Check that every worker of the task queue has authorizeDecision, then send it again.';
  }
}

/** The failure of `authorizeDecision` itself; another says only that no worker with it was found in time. */
function isOwn(error: unknown): boolean {
  const cause = error instanceof ActivityFailure ? error.cause : undefined;
  return cause instanceof ApplicationFailure && cause.type === DECISION_REJECTED;
}

function aboutTurn(): Pick<ProposedDecision, 'turnId' | 'sessionId' | 'user'> {
  const { workflowId: turnId, parent, memo, typedSearchAttributes } = workflowInfo();
  // Another workflow may have started the turn as its child.
  const isOfSession = parent !== undefined && memo?.['sessionId'] === parent.workflowId;
  return {
    turnId,
    ...defined({
      sessionId: isOfSession ? parent.workflowId : undefined,
      user: typedSearchAttributes.get(USER_ATTRIBUTE),
    }),
  };
}
