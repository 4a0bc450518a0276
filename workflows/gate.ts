import { Trigger } from '@temporalio/workflow';

/**
 * Lets so many calls through at once, counted in calls and in bytes, first come first served.
 *
 * Above some 1,000 activities at once the server force-fails workflow tasks, above 2,000 the run is
 * stuck, and commands of more than 4 MB in one workflow task terminate it. A call leaves the gate
 * when it has settled, so no workflow task ever carries more than the gate holds.
 */
export class Gate {
  private calls = 0;
  private bytes = 0;
  private readonly waiting: { bytes: number; admitted: Trigger<void> }[] = [];
  private readonly maxCalls: number;
  private readonly maxBytes: number;

  constructor(maxCalls: number, maxBytes: number) {
    this.maxCalls = maxCalls;
    this.maxBytes = maxBytes;
  }

  /** Runs `work` as soon as there is room. A call larger than the gate goes through alone. */
  async pass<T>(bytes: number, work: () => Promise<T>): Promise<T> {
    if (this.waiting.length === 0 && this.hasRoom(bytes)) this.admit(bytes);
    else {
      const admitted = new Trigger<void>();
      this.waiting.push({ bytes, admitted });
      await admitted;
    }
    try {
      return await work();
    } finally {
      this.calls -= 1;
      this.bytes -= bytes;
      this.admitWaiting();
    }
  }

  private admitWaiting(): void {
    for (
      let next = this.waiting[0];
      next !== undefined && this.hasRoom(next.bytes);
      next = this.waiting[0]
    ) {
      this.waiting.shift();
      this.admit(next.bytes);
      next.admitted.resolve();
    }
  }

  private hasRoom(bytes: number): boolean {
    return this.calls === 0 || (this.calls < this.maxCalls && this.bytes + bytes <= this.maxBytes);
  }

  private admit(bytes: number): void {
    this.calls += 1;
    this.bytes += bytes;
  }
}
