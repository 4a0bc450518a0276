import { ApplicationFailure, scheduleActivity } from '@temporalio/workflow';
import type { PrepareCallArgs } from '../../activities/tools/prepare-calls.ts';
import type {
  MissingCall,
  PreparedCall,
  RecordedPreparedCall,
} from '../../core/calls/prepared-call.ts';
import { readPreparedCall, TOOL_LOOKUPS } from '../../core/calls/prepared-call.ts';
import type { PinnedAgent } from '../../core/agent-spec.ts';
import type { ToolUse } from '../../core/conversation/messages.ts';
import { specOfCall } from '../../core/served-tools.ts';
import { defined, shorten } from '../../core/json.ts';
import { INTERNAL_ERROR } from '../../core/failures.ts';
import { PREPARE_CALL } from '../../core/names.ts';
import { fits } from '../../core/shape.ts';
import { PREPARED_CALL } from '../../core/turn/carried.ts';
import { MODEL_RETRY } from '../retry.ts';

// A worker prepares the calls of a reply together with it. These are calls that a worker has to prepare
// again: schemas are functions, and the workflow has none.

/** Checked before calling `prepareMissing`, whose promises cost more than everything else in a small turn. */
export function areReady(
  prepared: readonly (PreparedCall | MissingCall)[],
): prepared is readonly PreparedCall[] {
  return prepared.every(({ type }) => type !== 'missing');
}

/**
 * Prepares the calls whose tools the worker of the reply does not have: on a worker that has them, or, after
 * some attempts, on one that answers that no worker has them.
 */
export async function prepareMissing(
  pinned: PinnedAgent,
  calls: readonly ToolUse[],
  prepared: readonly (PreparedCall | MissingCall)[],
  missing: NonNullable<PrepareCallArgs['missing']>,
): Promise<PreparedCall[]> {
  return await Promise.all(
    prepared.map(async (one, i) => {
      if (one.type !== 'missing') return one;
      const call = calls[i] as ToolUse;
      const spec = specOfCall(pinned, call.name);
      const args: PrepareCallArgs = { agent: pinned.name, call, missing, ...defined({ spec }) };
      const recorded = await scheduleActivity<RecordedPreparedCall>(PREPARE_CALL, [args], {
        activityId: `prepare.${call.id}`,
        summary: `${call.name}: is there a worker that has it?`,
        startToCloseTimeout: '30s',
        // The other half is for a storage that is away.
        retry: { ...MODEL_RETRY, maximumAttempts: 2 * TOOL_LOOKUPS },
      });
      return checked(recorded);
    }),
  );
}

/** The Temporal UI shows no more. */
const MAX_SUMMARY = 200;

/**
 * Prepares a call whose input an approver has edited, like the model's own. `by` is for the Temporal UI, if
 * it may show that.
 */
export async function prepareEdited(
  { agent, spec, edited }: Pick<PrepareCallArgs, 'agent' | 'spec' | 'edited'>,
  call: ToolUse,
  by: string | undefined,
): Promise<PreparedCall> {
  const args: PrepareCallArgs = { agent, call, ...defined({ spec, edited }) };
  const recorded = await scheduleActivity<RecordedPreparedCall>(PREPARE_CALL, [args], {
    summary: shorten(
      `${call.name}: input edited${by === undefined ? '' : ` by ${by}`}`,
      MAX_SUMMARY,
    ),
    startToCloseTimeout: '30s',
    retry: { maximumAttempts: 5, maximumInterval: '10s' },
    cancellationType: 'TRY_CANCEL',
  });
  return checked(recorded);
}

/** Somebody may have completed the activity by hand. This fails the Update, and not the workflow task. */
function checked(recorded: RecordedPreparedCall): PreparedCall {
  if (fits(PREPARED_CALL, recorded)) return readPreparedCall(recorded);
  throw ApplicationFailure.nonRetryable(
    'What was returned for the call does not say whether it may run.',
    INTERNAL_ERROR,
  );
}
