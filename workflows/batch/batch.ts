import type { PinnedAgent } from '../../core/agent-spec.ts';
import type { BatchPolicy } from '../../core/calls/batch-policy.ts';
import type { ToolUse } from '../../core/conversation/messages.ts';
import type { SettledCall } from '../../core/calls/outcome.ts';
import type { PreparedCall } from '../../core/calls/prepared-call.ts';
import type { StoredResult } from '../../core/calls/stored-result.ts';
import type { Approvals } from './approvals.ts';
import { BatchRun } from './run-batch.ts';
import type { Completions } from './async-completions.ts';

/** The calls of one reply. */
export interface Batch {
  agent: PinnedAgent;
  policy: BatchPolicy;
  /** The time that the turn has in all and what is left of it, in milliseconds, where it is limited. */
  turnTime: { limit: number; left: number } | undefined;
  round: number;
  calls: readonly ToolUse[];
  /** One per call. */
  prepared: readonly PreparedCall[];
  /** Given to every tool, never to the model. */
  context: unknown;
  /** Limit for the text of each result, where that is lower than the tool's. */
  maxTextBytes: number | undefined;
  /** Results of earlier rounds that were cut, for `read_result`. */
  stored: readonly StoredResult[];
}

/** Where calls wait for the world outside. */
export interface WaitingRooms {
  approvals: Approvals;
  completions: Completions;
}

/**
 * Starts every call of a reply at once, each as an activity of its own, and waits for all of them.
 * A call waits only for an earlier one that it conflicts with, for a person, or for room; and no
 * outcome is lost: a call that fails is that call's failure alone, unless the batch policy says more.
 */
export function dispatchTools(batch: Batch, rooms: WaitingRooms): Promise<SettledCall[]> {
  return new Promise((resolve, reject) => {
    new BatchRun(batch, rooms, resolve, reject).start();
  });
}
