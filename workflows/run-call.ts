import { scheduleActivity } from '@temporalio/workflow';
import type { ToolCallArgs, ToolReturn } from '../activities/run-tool.ts';
import type { ToolPolicy } from '../core/tool-policy.ts';
import { activityOptions } from '../core/tool-policy.ts';
import type { CallEnd } from './call-end.ts';
import { failed, returned } from './call-end.ts';

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
export function runCall(
  { id, tool, input, args, summary, policy }: ReadyCall,
  ended: (end: CallEnd) => void,
): void {
  const scheduled = Date.now();
  // Both ways are handled in the same tick. A promise that rejects before somebody listens fails the
  // workflow task, and the run is stuck.
  scheduleActivity<ToolReturn>(tool, [input, args], {
    ...activityOptions(policy),
    activityId: id,
    summary: summary === '' ? `round ${args.round}` : `round ${args.round} · ${summary}`,
  }).then(
    (value) => ended(returned(value, scheduled)),
    (error: unknown) => ended(failed(error, { tool, policy, scheduled })),
  );
}
