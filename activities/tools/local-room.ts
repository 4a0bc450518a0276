import type { Context } from '@temporalio/activity';
import type { ToolCallArgs } from '../../core/calls/tool-call.ts';
import { STORED_ABOVE_BYTES } from '../../core/turn/payload-room.ts';

/**
 * What the local attempts of a batch may return in all, in bytes. Their results travel together in one
 * workflow task, which the server takes up to 4 MB, and terminates the turn above that. In the same task
 * may be what the model is asked next.
 */
const MAX_BYTES = 1_500_000;

/** What an attempt costs beside its result. */
const ENVELOPE_BYTES = 600;

/** What a failure costs: its text and its stack are cut to this. */
const FAILURE_BYTES = 12_000;

/** No workflow task lasts as long. */
const FORGET_AFTER_MS = 60_000;

/** Counts what local attempts return, for each batch: all of its attempts run in one worker. */
export class LocalRoom {
  private readonly used = new Map<string, { bytes: number; since: number }>();

  /** Whether there is room for a result of the call. A larger one lies in the storage, where there is one. */
  takeResult(call: Context, args: ToolCallArgs, bytes: number, hasStorage: boolean): boolean {
    return this.take(call, args, hasStorage ? Math.min(bytes, STORED_ABOVE_BYTES) : bytes);
  }

  /** The same for a failure with details of so many bytes. */
  takeFailure(call: Context, args: ToolCallArgs, bytes: number): boolean {
    return this.take(call, args, FAILURE_BYTES + bytes);
  }

  private take({ info }: Context, { round }: ToolCallArgs, bytes: number): boolean {
    const now = Date.now();
    for (const [key, { since }] of this.used) {
      if (now - since < FORGET_AFTER_MS) break;
      this.used.delete(key);
    }
    const key = `${info.workflowExecution?.runId} ${round}`;
    const batch = this.used.get(key) ?? { bytes: 0, since: now };
    this.used.set(key, batch);
    const total = batch.bytes + bytes + ENVELOPE_BYTES;
    if (total > MAX_BYTES) return false;
    batch.bytes = total;
    return true;
  }
}
