import { defined } from '../json.ts';
import type { BlockingOutcome, OutcomeType } from './outcome.ts';
import { OUTCOMES } from './outcome.ts';

// The order in which calls that touch the same things may run, and which of them must not run because of how
// others ended. Calls are identified by their index in call order.

/**
 * What a call touches, as data: decided with the reply and recorded, since declarations are
 * functions. Calls that share a key conflict unless both only read it; `exclusive` conflicts with
 * everything. Absent where a call touches nothing, which is the default.
 */
export type Access = 'exclusive' | AccessKeys;

/**
 * Keys are canonical JSON texts of objects, like `{"path":"/a"}`: equal text is the same thing,
 * whichever tools declare it.
 */
export interface AccessKeys {
  reads?: string[];
  writes?: string[];
  /**
   * Calls that share one of these names run in call order. Nothing else follows: if one fails, the others
   * still run.
   */
  inOrder?: string[];
}

type Accesses = readonly (Access | undefined)[];

/** Whether two calls may not run at the same time. Readers share. */
export function conflicts(a: Access | undefined, b: Access | undefined): boolean {
  return touchSame(a, b) || keysOf(a).inOrder.some((key) => keysOf(b).inOrder.includes(key));
}

/** Whether one may see or undo what the other does. */
function touchSame(a: Access | undefined, b: Access | undefined): boolean {
  return a === 'exclusive' || b === 'exclusive' || conflictingKey(a, b) !== undefined;
}

/**
 * For each call all earlier ones that it conflicts with, ascending: it starts when they have
 * settled, and at once where there are none.
 *
 * It waits for all of them and not only for the last, since the outcome of each decides whether it runs.
 */
export function planOrder(accesses: Accesses): number[][] {
  // Most batches have nothing to order, and must not pay for those that do.
  if (accesses.every((access) => access === undefined)) return accesses.map(() => []);
  const all = [...accesses.keys()];
  const exclusive: number[] = [];
  const users = new Map<string, Users>();
  const queues = new Map<string, Users>();
  return accesses.map((access, i) => {
    if (access === 'exclusive') {
      exclusive.push(i);
      return all.slice(0, i);
    }
    const keys = keysOf(access);
    const reads = keys.reads.map((key) => usersOf(users, key));
    const writes = keys.writes.map((key) => usersOf(users, key));
    const queued = keys.inOrder.map((key) => usersOf(queues, key));
    const lists = [
      exclusive,
      ...reads.map(({ writers }) => writers),
      ...[...writes, ...queued].map((used) => used.all),
    ];
    const waitsFor = merged(lists, i);
    for (const used of [...reads, ...writes, ...queued]) addOnce(used.all, i);
    for (const { writers } of writes) addOnce(writers, i);
    return waitsFor;
  });
}

/**
 * The plan after an approver has edited a call, with the accesses as they are now. What has started
 * goes on, so it goes first: a call that has not started also waits for every later one that has
 * started and that it conflicts with.
 *
 * There is no cycle: what has started waits for nothing, and the others otherwise wait only for
 * earlier ones. It does not matter which calls were edited: without an edit no call starts before an
 * earlier one that it conflicts with has settled.
 */
export function planAgain(accesses: Accesses, hasStarted: (index: number) => boolean): number[][] {
  const plan = planOrder(accesses);
  const again = plan.map((earlier, i) => (hasStarted(i) ? [] : [...earlier]));
  for (const [later, earlier] of plan.entries()) {
    if (!hasStarted(later)) continue;
    for (const i of earlier) {
      if (!hasStarted(i)) again[i]?.push(later);
    }
  }
  return again;
}

/** Calls that use one key, ascending. */
interface Users {
  writers: number[];
  /** The writers and the readers. */
  all: number[];
}

function usersOf(users: Map<string, Users>, key: string): Users {
  const known = users.get(key) ?? { writers: [], all: [] };
  users.set(key, known);
  return known;
}

/** A call may both read and write a key, or name it twice. */
function addOnce(indices: number[], index: number): void {
  if (indices.at(-1) !== index) indices.push(index);
}

/** The union of ascending lists, ascending, without duplicates. All numbers are below `limit`. */
function merged(lists: readonly (readonly number[])[], limit: number): number[] {
  const [first = [], ...more] = lists.filter((list) => list.length > 0);
  if (more.length === 0) return [...first];
  // Sorting would take most of a second if thousands of calls touch several keys.
  const isListed = new Uint8Array(limit);
  for (const list of [first, ...more]) {
    for (const index of list) isListed[index] = 1;
  }
  const indices: number[] = [];
  for (let index = 0; index < limit; index++) {
    if (isListed[index] === 1) indices.push(index);
  }
  return indices;
}

/** Why a call does not run. */
export interface Blocker {
  /** The call that is the reason. */
  index: number;
  /** How that call ended. */
  because: BlockingOutcome;
  /** The key that both touch; absent if one of them is `exclusive`. */
  key?: string;
}

/**
 * The earliest call that prevents this one from running, once all that it waits for have settled:
 *
 * - an earlier call that was to write a key which this one reads or writes, and did not: the model asked
 *   for this one expecting that write.
 * - a call with an unknown outcome, if this one writes: it may still be at work.
 *
 * After any other outcome the call runs. `exclusive` is not a key: a failure says nothing about what other
 * calls touch.
 */
export function findBlocker(
  index: number,
  accesses: Accesses,
  waitsFor: readonly number[],
  outcomeOf: (index: number) => OutcomeType | undefined,
): Blocker | undefined {
  const access = accesses[index];
  for (const other of waitsFor) {
    const because = outcomeOf(other);
    if (!isBlocking(because)) continue;
    if (OUTCOMES[because].blocks === 'writers') {
      if (!isWriter(access) || !touchSame(accesses[other], access)) continue;
      const key = conflictingKey(accesses[other], access);
      return { index: other, because, ...defined({ key }) };
    }
    // After an edit, a call may have waited for later ones, whose success it never relied on.
    const key = other < index ? writtenKey(accesses[other], access) : undefined;
    if (key !== undefined) return { index: other, because, key };
  }
  return undefined;
}

function isBlocking(outcome: OutcomeType | undefined): outcome is BlockingOutcome {
  return outcome !== undefined && OUTCOMES[outcome].blocks !== 'none';
}

function isWriter(access: Access | undefined): boolean {
  return access === 'exclusive' || keysOf(access).writes.length > 0;
}

/** The first key that both touch and at least one writes. */
function conflictingKey(a: Access | undefined, b: Access | undefined): string | undefined {
  return writtenKey(a, b) ?? writtenKey(b, a);
}

/** The first key that `writer` writes and the other touches. */
function writtenKey(writer: Access | undefined, other: Access | undefined): string | undefined {
  const { reads, writes } = keysOf(other);
  const touched = new Set([...reads, ...writes]);
  return keysOf(writer).writes.find((key) => touched.has(key));
}

const NO_KEYS: Required<AccessKeys> = { reads: [], writes: [], inOrder: [] };

function keysOf(access: Access | undefined): Required<AccessKeys> {
  return access === undefined || access === 'exclusive' ? NO_KEYS : { ...NO_KEYS, ...access };
}

/** A call that waits for others, by their index in call order. */
interface Waiting {
  index: number;
  others: readonly number[];
  /** How many of them have not settled. */
  open: number;
}

/**
 * The order of the calls of one reply while they run. The functions above plan which call waits for which;
 * this tracks which still do, as calls settle and approvers edit them.
 */
export class CallOrder {
  private accesses: (Access | undefined)[];
  private waiting = new Map<number, Waiting>();
  /** By the call that they wait for. */
  private heldBy = new Map<number, Waiting[]>();
  private readonly outcomeOf: (index: number) => OutcomeType | undefined;

  /** @param outcomeOf how a call ended; `undefined` while it is open */
  constructor(
    accesses: readonly (Access | undefined)[],
    outcomeOf: (index: number) => OutcomeType | undefined,
  ) {
    this.accesses = [...accesses];
    this.outcomeOf = outcomeOf;
    this.follow(planOrder(accesses));
  }

  /** Whether a conflicting call must settle first. */
  isHeld(index: number): boolean {
    return (this.waiting.get(index)?.open ?? 0) > 0;
  }

  /** Why a call that waits for nothing must not run; `undefined` if it may. */
  blocker(index: number): Blocker | undefined {
    const others = this.waiting.get(index)?.others ?? [];
    return findBlocker(index, this.accesses, others, this.outcomeOf);
  }

  /**
   * A call has settled. Calls `released` for each call that was waiting for it, one after the other, because
   * what happens to one may settle others.
   */
  release(index: number, released: (index: number) => void): void {
    for (const held of this.heldBy.get(index) ?? []) {
      held.open -= 1;
      released(held.index);
    }
  }

  /** An approver has changed what a call touches. What has started goes on. */
  edit(index: number, access: Access | undefined, hasStarted: (index: number) => boolean): void {
    this.accesses = this.accesses.with(index, access);
    this.follow(planAgain(this.accesses, hasStarted));
  }

  private follow(plan: readonly (readonly number[])[]): void {
    this.waiting = new Map();
    this.heldBy = new Map();
    for (const [index, others] of plan.entries()) {
      if (others.length === 0) continue;
      const open = others.filter((other) => this.outcomeOf(other) === undefined);
      const waiting = { index, others, open: open.length };
      this.waiting.set(index, waiting);
      for (const other of open) {
        const held = this.heldBy.get(other);
        if (held === undefined) this.heldBy.set(other, [waiting]);
        else held.push(waiting);
      }
    }
  }
}
