import { activityInfo } from '@temporalio/activity';
import { ApplicationFailure } from '@temporalio/common';
import { OUTSIDE_OF_TURN } from '../core/failures.ts';
import { NOT_FOUND } from '../core/calls/ending.ts';
import { ANY_OTHER, SESSION_WORKFLOW, TOOL_NAME_PATTERN, TURN_WORKFLOW } from '../core/names.ts';

const OWN: ReadonlySet<string | undefined> = new Set([TURN_WORKFLOW, SESSION_WORKFLOW]);

/**
 * Activities that only a turn or a session may schedule. A turn validates inputs, asks for approvals and
 * keeps the order; another workflow, or a client that starts the activity directly, would bypass all of that.
 */
export function withinTurns<T extends Record<string, unknown>>(activities: T): T {
  const guarded = Object.entries(activities).map(([name, run]) => [
    name,
    (...args: unknown[]) => {
      if (name === ANY_OTHER) rejectUnknown();
      rejectOutside();
      return (run as (...given: unknown[]) => unknown)(...args);
    },
  ]);
  // `fromEntries` defines the property even for a tool that is named `__proto__`.
  return Object.fromEntries(guarded) as T;
}

/**
 * Answers for an activity that this worker does not have, as a worker without a `default` would: another one
 * may have it.
 */
function rejectUnknown(): void {
  const { activityType, workflowType } = activityInfo();
  if (OWN.has(workflowType) && TOOL_NAME_PATTERN.test(activityType)) return;
  throw ApplicationFailure.create({
    message: `Activity function ${activityType} is not registered on this Worker`,
    type: NOT_FOUND,
  });
}

function rejectOutside(): void {
  const { activityType, workflowType } = activityInfo();
  if (OWN.has(workflowType)) return;
  const by = workflowType ? `by a workflow ${workflowType}` : 'without a workflow';
  throw ApplicationFailure.nonRetryable(
    `The activity ${activityType} was scheduled ${by}, and only turns and sessions of Plait may schedule it. It did not run. Start a turn with AgentClient instead.`,
    OUTSIDE_OF_TURN,
  );
}
