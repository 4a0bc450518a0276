import type { Access, AccessKeys } from '../../../core/calls/order.ts';
import type { OutcomeType } from '../../../core/calls/outcome.ts';

// What the order of calls means, without any waiting: they run one after another. Independent of
// core/calls/order.ts.

/** A call, and how it ends if it runs. */
export interface PlannedCall {
  access: Access | undefined;
  outcome: OutcomeType;
}

export interface Ran {
  /** For each call how it ended; `undefined` when it was skipped. */
  outcomes: (OutcomeType | undefined)[];
  /** For each call that ran the last writer before it of each key that it touches. */
  seen: Map<number, Record<string, number | undefined>>;
  /** For each key the calls that wrote it, in the order in which they did. */
  writers: Map<string, number[]>;
}

/** After which outcomes of a write nobody may rely on it. */
const IS_BAD_WRITE: Record<OutcomeType, boolean> = {
  succeeded: false,
  failed: true,
  timedOut: true,
  // Looked at by itself: the write may still be at work.
  unknown: false,
  denied: true,
  cancelled: false,
  skipped: true,
};

/** Runs the calls one after another, each on what the earlier ones left behind. */
export function runInSequence(calls: readonly PlannedCall[]): Ran {
  const ran: Ran = { outcomes: [], seen: new Map(), writers: new Map() };
  const badlyWritten = new Set<string>();
  // What calls of unknown outcome may still be at work on.
  const maybeRead = new Set<string>();
  const maybeWritten = new Set<string>();
  let maybeAnything = false;
  let maybeEverything = false;

  const isSkipped = (access: Access | undefined): boolean => {
    if (access === 'exclusive') return maybeAnything;
    const { reads = [], writes = [] } = access ?? {};
    if ([...reads, ...writes].some((key) => badlyWritten.has(key))) return true;
    if (writes.length === 0) return false;
    return (
      maybeEverything ||
      writes.some((key) => maybeRead.has(key) || maybeWritten.has(key)) ||
      reads.some((key) => maybeWritten.has(key))
    );
  };

  for (const [i, { access, outcome }] of calls.entries()) {
    const ended = isSkipped(access) ? undefined : outcome;
    if (ended !== undefined) recordRun(ran, i, access);
    ran.outcomes.push(ended);
    const { reads = [], writes = [] } = typeof access === 'object' ? access : {};
    if (ended === undefined || IS_BAD_WRITE[ended]) for (const key of writes) badlyWritten.add(key);
    if (ended !== 'unknown') continue;
    maybeAnything = true;
    maybeEverything ||= access === 'exclusive';
    for (const key of reads) maybeRead.add(key);
    for (const key of writes) maybeWritten.add(key);
  }
  return ran;
}

/** What a call finds when it runs, and what it leaves behind. */
export function recordRun({ seen, writers }: Ran, index: number, access: Access | undefined): void {
  const { reads = [], writes = [] } = typeof access === 'object' ? access : {};
  const touched = new Set([...reads, ...writes]);
  seen.set(
    index,
    Object.fromEntries([...touched].map((key) => [key, writers.get(key)?.at(-1)] as const)),
  );
  for (const key of new Set(writes)) writers.set(key, [...(writers.get(key) ?? []), index]);
}

/** The definition, pair by pair. */
export function areInConflict(a: Access | undefined, b: Access | undefined): boolean {
  if (a === 'exclusive' || b === 'exclusive') return true;
  return usesOf(a).some((one) =>
    usesOf(b).some((other) => one.key === other.key && (one.writes || other.writes)),
  );
}

function usesOf({ reads = [], writes = [] }: AccessKeys = {}): { key: string; writes: boolean }[] {
  return [
    ...reads.map((key) => ({ key, writes: false })),
    ...writes.map((key) => ({ key, writes: true })),
  ];
}
