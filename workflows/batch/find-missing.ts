import { proxyActivities } from '@temporalio/workflow';
import type { PlaitActivities } from '../../activities/index.ts';
import type { ToolUse } from '../../core/conversation/messages.ts';
import { PREPARE_CALL } from '../../core/names.ts';
import type { MissingCall, PreparedCall } from '../../core/calls/prepared-call.ts';
import { MODEL_RETRY } from '../ask-model.ts';

/** Asked before `findMissing`, whose promises cost more than all the rest of a small turn. */
export function areReady(
  prepared: readonly (PreparedCall | MissingCall)[],
): prepared is readonly PreparedCall[] {
  return prepared.every(({ type }) => type !== 'missing');
}

/**
 * Has the calls prepared whose tools the worker of the reply does not have: by a worker that has them,
 * or by one that says, after some attempts, that nobody has.
 */
export async function findMissing(
  agent: string,
  calls: readonly ToolUse[],
  prepared: readonly (PreparedCall | MissingCall)[],
  context: unknown,
): Promise<PreparedCall[]> {
  return await Promise.all(
    prepared.map(async (one, i) => {
      if (one.type !== 'missing') return one;
      const call = calls[i] as ToolUse;
      const activities = proxyActivities<PlaitActivities>({
        activityId: `prepare.${call.id}`,
        summary: `${call.name}: is there a worker that has it?`,
        startToCloseTimeout: '30s',
        retry: MODEL_RETRY,
      });
      return await activities[PREPARE_CALL]({ agent, call, missing: { context } });
    }),
  );
}
