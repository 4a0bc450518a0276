import {
  ActivityFailure,
  ApplicationFailure,
  proxyActivities,
  proxyLocalActivities,
} from '@temporalio/workflow';
import type { PlaitActivities } from '../activities/index.ts';
import type { PinnedAgent } from '../core/agent-spec.ts';
import { AGENT_NOT_REGISTERED } from '../core/failures.ts';
import { LOAD_AGENT } from '../core/names.ts';
import type { TurnArgs } from '../core/turn.ts';

const options = { startToCloseTimeout: '30s' } as const;

// A local activity: no hop through the server, and the pinned agent still stands in history.
const here = proxyLocalActivities<PlaitActivities>({
  ...options,
  retry: { maximumAttempts: 5, nonRetryableErrorTypes: [AGENT_NOT_REGISTERED] },
});

// While a new version rolls out, old workers of the queue do not know its agents yet. Some five
// seconds of trying elsewhere bridge that, and a name that is simply wrong is soon reported.
const elsewhere = proxyActivities<PlaitActivities>({
  ...options,
  activityId: 'agent',
  retry: { maximumAttempts: 4, initialInterval: '1s', backoffCoefficient: 1.5 },
});

/** Pins the agent for the whole turn: its prompt, its tools and their policies. */
export async function loadAgent(args: TurnArgs): Promise<PinnedAgent> {
  try {
    return await here[LOAD_AGENT](args);
  } catch (error) {
    if (!isNotRegistered(error)) throw error;
    return await elsewhere[LOAD_AGENT](args);
  }
}

function isNotRegistered(error: unknown): boolean {
  // What the SDK throws on a worker that runs workflows only.
  if (error instanceof ReferenceError) return true;
  // Local activities fail with their cause, not with an ActivityFailure around it.
  const cause = error instanceof ActivityFailure ? error.cause : error;
  return cause instanceof ApplicationFailure && cause.type === AGENT_NOT_REGISTERED;
}
