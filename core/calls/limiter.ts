/** What one call takes of a gate. */
export interface LimiterUse {
  tool: string;
  /** What starting it adds to one workflow task. */
  bytes: number;
}

export interface LimiterLimits {
  /** Calls that may be started and not settled. */
  calls: number;
  bytes: number;
  /** The same for the calls of one tool; `undefined` where only the limit for all holds. */
  callsOf: (tool: string) => number | undefined;
}

/**
 * Lets so many calls through at once, counted in calls, in calls of one tool and in bytes. First come
 * first served, except that a call which waits for its tool holds up no other tool.
 *
 * Above some 1,000 activities at once the server force-fails workflow tasks, above 2,000 the run is
 * stuck, and commands of more than 4 MB in one workflow task terminate it. A call leaves the gate
 * when it has settled, so no workflow task ever carries more than the gate holds.
 */
export class Limiter {
  private calls = 0;
  private bytes = 0;
  private readonly callsByTool = new Map<string, number>();
  /** Somebody waits for room for all: nobody may overtake, or a large call would wait for ever. */
  private isCrowded = false;
  private isAdmitting = false;
  /** Somebody left while others were let in, so there may be room for more. */
  private hasLeft = false;
  private waiting: { use: LimiterUse; start: () => void }[] = [];
  private readonly limits: LimiterLimits;

  constructor(limits: LimiterLimits) {
    this.limits = limits;
  }

  /** Calls `start` as soon as there is room. A call larger than the gate goes through alone. */
  pass(use: LimiterUse, start: () => void): void {
    this.isCrowded ||= this.isFull(use);
    if (this.isCrowded || this.isToolFull(use.tool)) this.waiting.push({ use, start });
    else {
      this.admit(use);
      start();
    }
  }

  /** Gives back what a started call took. */
  leave({ tool, bytes }: LimiterUse): void {
    this.calls -= 1;
    this.bytes -= bytes;
    this.callsByTool.set(tool, this.callsOf(tool) - 1);
    this.hasLeft = true;
    // A call that was answered while it waited leaves as soon as it starts. Thousands of those, one
    // inside the other, would not fit on the stack.
    if (this.isAdmitting) return;
    this.isAdmitting = true;
    try {
      while (this.hasLeft) this.admitWaiting();
    } finally {
      this.isAdmitting = false;
    }
  }

  private admitWaiting(): void {
    this.hasLeft = false;
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
