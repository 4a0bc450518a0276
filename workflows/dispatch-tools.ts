import { scheduleActivity } from '@temporalio/workflow';
import type { ToolCallArgs, ToolReturn } from '../activities/run-tool.ts';
import type { PinnedAgent } from '../core/agent-spec.ts';
import { jsonBytes } from '../core/json.ts';
import type { ToolUse } from '../core/messages.ts';
import { occurrences } from '../core/occurrences.ts';
import { maxResultBytes } from '../core/turn-limits.ts';
import type { SettledCall } from '../core/outcome.ts';
import type { PreparedCall } from '../core/prepared-call.ts';
import type { ToolPolicy } from '../core/tool-policy.ts';
import { activityOptions } from '../core/tool-policy.ts';
import { Gate } from './gate.ts';
import { settle } from './settle.ts';

/** The calls of one reply. */
export interface Batch {
  agent: PinnedAgent;
  round: number;
  calls: readonly ToolUse[];
  /** One per call. */
  prepared: readonly PreparedCall[];
  /** Given to every tool, never to the model. */
  context: unknown;
}

const MAX_OUTSTANDING_CALLS = 400;
const MAX_OUTSTANDING_BYTES = 1_500_000;
/** What a scheduled activity costs beside its input: ids, options, summary. */
const COMMAND_BYTES = 1_000;

/**
 * Starts every call of a reply at once, each as an activity of its own, and waits for all of them.
 * No outcome is lost and none waits for another: a call that fails is that call's failure alone.
 */
export async function dispatchTools(batch: Batch): Promise<SettledCall[]> {
  const gate = new Gate(MAX_OUTSTANDING_CALLS, MAX_OUTSTANDING_BYTES);
  const policies = new Map(batch.agent.policies);
  const repeated = occurrences(batch.calls);
  const resultLimit = maxResultBytes(batch.calls.length, batch.agent.spec.type === 'stored');
  // Every promise settles its own failure in the same tick. One that rejects before somebody awaits
  // it fails the workflow task, and the run is stuck.
  return await Promise.all(
    batch.calls.map(async (call, i): Promise<SettledCall> => {
      const prepared = batch.prepared[i];
      const policy = policies.get(call.name);
      if (prepared?.type === 'refused') return answered(prepared.message);
      if (prepared === undefined || policy === undefined) {
        return answered(`There is no tool named ${call.name}.`);
      }
      const args: ToolCallArgs = {
        agent: batch.agent.name,
        round: batch.round,
        occurrence: repeated[i] ?? 0,
        ...(resultLimit === undefined ? {} : { maxResultBytes: resultLimit }),
        ...(batch.context === undefined ? {} : { context: batch.context }),
      };
      const bytes = COMMAND_BYTES + jsonBytes(call.input) + jsonBytes(args);
      return await gate.pass(bytes, () => runCall(call, args, prepared.summary, policy));
    }),
  );
}

/** A call that cannot run is answered where it stands. */
function answered(message: string): SettledCall {
  const now = Date.now();
  return { outcome: { type: 'failed', message }, attempts: 0, start: now, end: now };
}

// The type is the tool's name and the id the tool_use id, so that history and transcript can be laid
// side by side in the Temporal UI.
async function runCall(
  call: ToolUse,
  args: ToolCallArgs,
  summary: string,
  policy: ToolPolicy,
): Promise<SettledCall> {
  const options = {
    ...activityOptions(policy),
    activityId: call.id,
    summary: summary === '' ? `round ${args.round}` : `round ${args.round} · ${summary}`,
  };
  const work = () => scheduleActivity<ToolReturn>(call.name, [call.input, args], options);
  return await settle(call.name, work, policy);
}
