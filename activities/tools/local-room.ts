import type { Context } from '@temporalio/activity';
import type { ToolCallArgs } from '../../core/calls/tool-call.ts';
import { STORED_ABOVE_BYTES } from '../../core/turn/payload-room.ts';

/**
 * How many bytes the local attempts of a batch may return together. Their results travel in one workflow
 * task, which may also hold the next model request. The server terminates a turn whose task is above 4 MB.
 */
const MAX_BYTES = 1_500_000;

/** What an attempt adds beside its result. */
const ENVELOPE_BYTES = 600;

/** What a failure adds: its text and its stack are cut to this. */
const FAILURE_BYTES = 12_000;

/** Longer than any workflow task lasts. */
const FORGET_AFTER_MS = 60_000;

/** Counts what local attempts return, for each batch: all of its attempts run in one worker. */
export class LocalRoom {
  private readonly used = new Map<string, { bytes: number; since: number }>();

  /** Whether there is room for a result of the call. A larger one lies in the storage, where there is one. */
  takeResult(call: Context, args: ToolCallArgs, bytes: number, hasStorage: boolean): boolean {
    return this.take(call, args, hasStorage ? Math.min(bytes, STORED_ABOVE_BYTES) : bytes);
  }

  /** The same for a failure with this many bytes of details. */
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
