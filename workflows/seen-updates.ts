import { fingerprint } from '../core/fingerprint.ts';

/** More than are sent again because their answers were lost. */
const MAX_TAKEN = 500;

/**
 * Decisions and completions that the turn has taken. The same one may be sent again, by whoever did
 * not get its answer; the server recognizes it only within one run.
 */
export class SeenUpdates {
  private taken: string[];

  constructor(taken: readonly string[] = []) {
    this.taken = [...taken];
  }

  /** For the next run. */
  get list(): string[] {
    return [...this.taken];
  }

  has(name: string, argument: unknown): boolean {
    return this.taken.includes(fingerprint([name, argument]));
  }

  add(name: string, argument: unknown): void {
    this.taken = [...this.taken, fingerprint([name, argument])].slice(-MAX_TAKEN);
  }
}
