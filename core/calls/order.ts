import type { Access, AccessKeys } from './access.ts';
import { defined, isRecord, shorten } from '../json.ts';
import type { OutcomeType } from './outcome.ts';
import { skippedActionText } from '../conversation/toolsets.ts';

// In which order calls may run that touch the same things, and which of them do not run because of
// what became of others. Calls are known by their index in call order.

type Accesses = readonly (Access | undefined)[];

/** Whether two calls may not run at the same time. Readers share. */
export function conflicts(a: Access | undefined, b: Access | undefined): boolean {
  return a === 'exclusive' || b === 'exclusive' || conflictingKey(a, b) !== undefined;
}

/**
 * For each call all earlier ones that it conflicts with, ascending: it starts when they have
 * settled, and at once where there are none.
 *
 * All of them and not only the last, since what became of each decides whether the call runs.
 */
export function planOrder(accesses: Accesses): number[][] {
  // Most batches have nothing to order, and must not pay for those that do.
  if (accesses.every((access) => access === undefined)) return accesses.map(() => []);
  const all = [...accesses.keys()];
  const exclusive: number[] = [];
  const users = new Map<string, Users>();
  return accesses.map((access, i) => {
    if (access === 'exclusive') {
      exclusive.push(i);
      return all.slice(0, i);
    }
    const keys = keysOf(access);
    const reads = keys.reads.map((key) => usersOf(users, key));
    const writes = keys.writes.map((key) => usersOf(users, key));
    const lists = [
      exclusive,
      ...reads.map(({ writers }) => writers),
      ...writes.map((used) => used.all),
    ];
    const waitsFor = merged(lists, i);
    for (const used of [...reads, ...writes]) addOnce(used.all, i);
    for (const { writers } of writes) addOnce(writers, i);
    return waitsFor;
  });
}

/**
 * The plan after an approver has edited a call, with the accesses as they are now. What has started
 * is not called back, so it goes first: a call that has not started also waits for every later one
 * that has and that it conflicts with.
 *
 * There is no cycle: what has started waits for nothing, and the others otherwise only for earlier
 * ones. The calls that were edited need not be known: without an edit nothing starts before an
 * earlier call that it conflicts with has settled.
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

/** What is in any of the ascending lists, ascending and each once; all of it is below `limit`. */
function merged(lists: readonly (readonly number[])[], limit: number): number[] {
  const [first = [], ...more] = lists.filter((list) => list.length > 0);
  if (more.length === 0) return [...first];
  // A sort would take most of a second where thousands of calls touch several keys.
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

/** How a call ended after which others do not run. */
export type BlockingOutcome = keyof typeof BLOCKED;

/** Why a call does not run. */
export interface Blocker {
  /** The call because of which. */
  index: number;
  /** How that one ended. */
  because: BlockingOutcome;
  /** The key on which they meet, unless one of them is `exclusive`. */
  key?: string;
}

/**
 * The earliest call because of which this one must not run, once all that it waits for have settled:
 *
 * - an earlier one that was to write a key which this one reads or writes, and did not. This one was
 *   asked for in the belief that it would.
 * - one whose outcome is unknown, where this one writes. It may still be at work.
 *
 * After anything else order only means "after it has settled". `exclusive` is no key: a call that
 * fails says nothing about what the others touch.
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
    if (because === 'unknown') {
      if (!isWriter(access)) continue;
      const key = conflictingKey(accesses[other], access);
      return { index: other, because, ...defined({ key }) };
    }
    // An edited call may have waited for later ones, whose success it never relied on.
    const key = other < index ? writtenKey(accesses[other], access) : undefined;
    if (key !== undefined) return { index: other, because, key };
  }
  return undefined;
}

/** What the model is told: what happened to the other call, and what to do next. */
const BLOCKED = {
  failed: ['failed', 'Deal with that first; then call this again if it is still needed.'],
  timedOut: [
    'timed out',
    'Check what that call has done; then call this again if it is still needed.',
  ],
  denied: ['was denied', 'Call this again only if it makes sense without that call.'],
  skipped: [
    'was not executed',
    'If both are still needed, call that one first, and this one after it.',
  ],
  unknown: [
    'may or may not have taken effect',
    'Check that first; then call this again if it is still needed.',
  ],
} as const satisfies Partial<Record<OutcomeType, readonly [happened: string, next: string]>>;

function isBlocking(outcome: OutcomeType | undefined): outcome is BlockingOutcome {
  return outcome !== undefined && Object.hasOwn(BLOCKED, outcome);
}

/** What the model is told about a call that did not run; `other` is the call at the blocker's index. */
export function blockedText(
  { because, key }: Blocker,
  other: { readonly id: string; readonly name: string },
): string {
  const skipped = skippedActionText(key);
  if (skipped !== undefined) return skipped;
  const [happened, next] = BLOCKED[because];
  const met = key === undefined ? 'the two must not overlap' : `both touch ${keyText(key)}`;
  return `Not executed: ${other.name} (${other.id}) ${happened} before it, and ${met}. ${next}`;
}

/** A key may hold whatever the model wrote into a field, which it need not read again at length. */
const SHOWN_KEY = 200;

/** `{"path":"/a","line":3}` as `line 3, path "/a"`. */
function keyText(key: string): string {
  const fields: unknown = JSON.parse(key);
  if (!isRecord(fields)) return shorten(key, SHOWN_KEY);
  const shown = Object.entries(fields).map(([name, value]) => `${name} ${JSON.stringify(value)}`);
  return shorten(shown.join(', '), SHOWN_KEY);
}

function isWriter(access: Access | undefined): boolean {
  return access === 'exclusive' || keysOf(access).writes.length > 0;
}

/** The first key that both touch and at least one writes. */
function conflictingKey(a: Access | undefined, b: Access | undefined): string | undefined {
  return writtenKey(a, b) ?? writtenKey(b, a);
}

/** The first key that the one writes and the other touches. */
function writtenKey(writer: Access | undefined, other: Access | undefined): string | undefined {
  const { reads, writes } = keysOf(other);
  const touched = new Set([...reads, ...writes]);
  return keysOf(writer).writes.find((key) => touched.has(key));
}

const NO_KEYS: Required<AccessKeys> = { reads: [], writes: [] };

function keysOf(access: Access | undefined): Required<AccessKeys> {
  return access === undefined || access === 'exclusive' ? NO_KEYS : { ...NO_KEYS, ...access };
}
