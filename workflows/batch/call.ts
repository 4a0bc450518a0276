import type { ToolCallArgs } from '../../activities/tools/run-tool.ts';
import { originOf } from '../../core/calls/origin.ts';
import { defined, isRecord, jsonBytes } from '../../core/json.ts';
import type { ToolUse } from '../../core/conversation/messages.ts';
import { READ_RESULT } from '../../core/names.ts';
import { occurrences } from '../../core/calls/occurrences.ts';
import type { ApprovalRecord } from '../../core/calls/outcome.ts';
import type { PreparedCall } from '../../core/calls/prepared-call.ts';
import type { ToolPolicy } from '../../core/calls/tool-policy.ts';
import { DEFAULT_WAIT } from '../../core/calls/tool-policy.ts';
import { maxResultBytes, roomOf } from '../../core/turn/payload-room.ts';
import type { Batch } from './batch.ts';

/** One call on its way through `BatchRun`. */
export interface BatchCall {
  /** Its place in the reply. */
  readonly index: number;
  readonly use: ToolUse;
  readonly policy: ToolPolicy;
  occurrence: number;
  prepared: PreparedCall & { type: 'ready' };
  /** What it runs with: the model's input, or what an approver made of it. */
  input: unknown;
  /** - `held`: an earlier call or a person comes first
   *  - `queued`: for room
   *  - `running`: its activity is scheduled
   *  - `parked`: its tool has handed it over to be completed from outside */
  state: 'held' | 'queued' | 'running' | 'parked';
  /** Whether a person has yet to decide about it. */
  asked: boolean;
  approval?: ApprovalRecord;
}

/** The calls of a reply; `undefined` in the place of one that cannot run. */
export function batchCalls({ agent, calls, prepared }: Batch): (BatchCall | undefined)[] {
  const policies = new Map(agent.policies);
  const repeated = occurrences(calls);
  return calls.map((use, index) => {
    const policy = policies.get(use.name);
    const ready = prepared[index];
    if (ready?.type !== 'ready' || policy === undefined) return undefined;
    return {
      index,
      use,
      policy,
      occurrence: repeated[index] ?? 0,
      prepared: ready,
      input: use.input,
      state: 'held',
      asked: ready.approval === true,
    };
  });
}

/** Why a call cannot run, for the model. */
export function cannotRunText({ calls, prepared }: Batch, index: number): string {
  const refused = prepared[index];
  return refused?.type === 'refused'
    ? refused.message
    : `There is no tool named ${calls[index]?.name}.`;
}

/** How long a call waits for a person, in milliseconds. */
export function approvalTimeout({ policy }: BatchCall): number {
  return policy.approvalTimeout ?? DEFAULT_WAIT;
}

/** What the activity of a call is given beside its input. */
export function toolCallArgs(batch: Batch, { use, occurrence, input }: BatchCall): ToolCallArgs {
  const { agent, round, calls, context, stored, maxTextBytes } = batch;
  const limit = maxResultBytes(roomOf(agent), calls.length);
  const named = isRecord(input) ? input['id'] : undefined;
  const part = stored.find(({ callId }) => callId === named);
  return {
    agent: agent.name,
    round,
    occurrence,
    ...originOf(use),
    ...defined({ maxResultBytes: limit, maxTextBytes, context }),
    ...(part === undefined || use.name !== READ_RESULT ? {} : { stored: part }),
  };
}

/** What a scheduled activity costs beside its input: ids, options, summary. */
const COMMAND_BYTES = 1_000;

/** What scheduling a call adds to a workflow task. */
export function commandBytes({ input }: BatchCall, contextBytes: number): number {
  return COMMAND_BYTES + jsonBytes(input) + contextBytes;
}
