import { jsonBytes } from '../json.ts';

/** What one open call counts for. */
export interface LimiterUse {
  tool: string;
  /** What starting it adds to one workflow task. */
  bytes: number;
}

export interface LimiterLimits {
  /** How many calls may be open. */
  calls: number;
  bytes: number;
  /** How many calls of one tool may be open; `undefined` where only the limit for all holds. */
  callsOf: (tool: string) => number | undefined;
}

/** What starting the open calls adds to a workflow task, in bytes. */
export const MAX_OPEN_BYTES = 1_500_000;

/** What a scheduled activity costs beside its input: ids, options, summary. */
const COMMAND_BYTES = 1_000;

/** What scheduling a call adds to a workflow task. */
export function commandBytes(input: unknown, contextBytes: number): number {
  return COMMAND_BYTES + jsonBytes(input) + contextBytes;
}

/**
 * Limits how many calls are open at once: in all, in bytes, and of each tool. They start in the order
 * in which they come, except that a call which waits for its own tool does not hold up other tools.
 *
 * Above some 1,000 activities at once the server force-fails workflow tasks, above 2,000 the run is
 * stuck, and commands of more than 4 MB in one workflow task terminate it. A call is released when its
 * activity has ended, so no workflow task ever carries more than the limits.
 */
export class Limiter {
  private calls = 0;
  private bytes = 0;
  private readonly callsByTool = new Map<string, number>();
  /** Set while a call waits for the total limits: no other may overtake it, or a large call would wait forever. */
  private isCrowded = false;
  private isAdmitting = false;
  /** Set if a call was released while others were being admitted: there may be room for more. */
  private hasReleased = false;
  private waiting: { use: LimiterUse; start: () => void }[] = [];
  private readonly limits: LimiterLimits;

  constructor(limits: LimiterLimits) {
    this.limits = limits;
  }

  /** Calls `start` as soon as there is room. A call above the limit in bytes starts once it is alone. */
  acquire(use: LimiterUse, start: () => void): void {
    this.isCrowded ||= this.isFull(use);
    if (this.isCrowded || this.isToolFull(use.tool)) this.waiting.push({ use, start });
    else {
      this.admit(use);
      start();
    }
  }

  /** Frees what a started call has used. */
  release({ tool, bytes }: LimiterUse): void {
    this.calls -= 1;
    this.bytes -= bytes;
    this.callsByTool.set(tool, this.callsOf(tool) - 1);
    this.hasReleased = true;
    // No recursion: a call that was answered while it waited is released as soon as it starts, and thousands
    // of nested ones would overflow the stack.
    if (this.isAdmitting) return;
    this.isAdmitting = true;
    try {
      while (this.hasReleased) this.admitWaiting();
    } finally {
      this.isAdmitting = false;
    }
  }

  private admitWaiting(): void {
    this.hasReleased = false;
    const admitted: (() => void)[] = [];
    const held: typeof this.waiting = [];
    let next = 0;
    this.isCrowded = false;
    for (const one of this.waiting) {
      this.isCrowded = this.isFull(one.use);
      if (this.isCrowded) break;
      next += 1;
      if (this.isToolFull(one.use.tool)) held.push(one);
      else {
        this.admit(one.use);
        admitted.push(one.start);
      }
    }
    this.waiting = [...held, ...this.waiting.slice(next)];
    for (const start of admitted) start();
  }

  private isFull({ bytes }: LimiterUse): boolean {
    if (this.calls === 0) return false;
    return this.calls >= this.limits.calls || this.bytes + bytes > this.limits.bytes;
  }

  private isToolFull(tool: string): boolean {
    return this.callsOf(tool) >= (this.limits.callsOf(tool) ?? Number.POSITIVE_INFINITY);
  }

  private callsOf(tool: string): number {
    return this.callsByTool.get(tool) ?? 0;
  }

  private admit({ tool, bytes }: LimiterUse): void {
    this.calls += 1;
    this.bytes += bytes;
    this.callsByTool.set(tool, this.callsOf(tool) + 1);
  }
}
