import { scheduleActivity } from '@temporalio/workflow';
import type { ToolCallArgs, ToolReturn } from '../../activities/tools/run-tool.ts';
import type { ToolPolicy } from '../../core/calls/tool-policy.ts';
import { activityOptions } from '../../core/calls/tool-policy.ts';
import type { CallEnd } from './ended.ts';
import { failed, isNotRegistered, returned } from './ended.ts';

/** A call that is ready to run. */
export interface ReadyCall {
  /** The `tool_use` id. */
  id: string;
  tool: string;
  input: unknown;
  args: ToolCallArgs;
  /** The short arguments, for people. */
  summary: string;
  policy: ToolPolicy;
}

/**
 * Runs a call as an activity. The type is the tool's name and the id the `tool_use` id, so that
 * history and transcript can be laid side by side in the Temporal UI.
 *
 * With a callback, since the SDK records a stack trace for every promise of a workflow: an async
 * function around each of many calls costs more than all the rest of the dispatch.
 */
export function runCall(call: ReadyCall, ended: (end: CallEnd) => void): void {
  schedule(call, { scheduled: Date.now(), lookups: MAX_LOOKUPS }, ended);
}

/**
 * How often the attempts of a call are spent on finding a worker that has its tool. While a new version
 * rolls out, workers of both serve the queue, and the server gives the call to any of them.
 */
const MAX_LOOKUPS = 5;

function schedule(
  call: ReadyCall,
  { scheduled, lookups }: { scheduled: number; lookups: number },
  ended: (end: CallEnd) => void,
): void {
  const { id, tool, input, args, summary, policy } = call;
  // Both ways are handled in the same tick. A promise that rejects before somebody listens fails the
  // workflow task, and the run is stuck.
  scheduleActivity<ToolReturn>(tool, [input, args], {
    ...activityOptions(policy),
    activityId: id,
    summary: summary === '' ? `round ${args.round}` : `round ${args.round} · ${summary}`,
  }).then(
    (value) => ended(returned(value, scheduled)),
    (error: unknown) => {
      if (lookups > 1 && isNotRegistered(error)) {
        schedule(call, { scheduled, lookups: lookups - 1 }, ended);
      } else {
        ended(failed(error, { tool, policy, scheduled }));
      }
    },
  );
}
