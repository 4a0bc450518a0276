import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { Access } from '../../../core/calls/order.ts';
import {
  CallOrder,
  conflicts,
  findBlocker,
  planAgain,
  planOrder,
} from '../../../core/calls/order.ts';
import type { OutcomeType } from '../../../core/calls/outcome.ts';
import { failureType } from '../arbitraries.ts';
import type { PlannedCall, Ran } from './order-reference.ts';
import { areInConflict, recordRun, runInSequence } from './order-reference.ts';

// Few keys, so that calls meet; some twice or in both lists, as nothing forbids it.
const keys = fc.array(fc.constantFrom('{"path":"/a"}', '{"path":"/b"}', '{"row":1}'), {
  maxLength: 3,
});

const access: fc.Arbitrary<Access | undefined> = fc.oneof(
  { weight: 2, arbitrary: fc.constant(undefined) },
  { weight: 1, arbitrary: fc.constant('exclusive' as const) },
  {
    weight: 6,
    arbitrary: fc.record({ reads: keys, writes: keys }, { requiredKeys: [] }),
  },
);

const outcome = fc.oneof(
  { weight: 4, arbitrary: fc.constant<OutcomeType>('succeeded') },
  {
    weight: 3,
    arbitrary: failureType,
  },
);

const accesses = fc.array(access, { maxLength: 12 });
const calls = fc.array(fc.record<PlannedCall>({ access, outcome }), { maxLength: 12 });
/** Which of what may happen next does: an endless supply that fast-check can shrink. */
const choices = fc.infiniteStream(fc.nat());

const next = (stream: fc.Stream<number>): number => stream.next().value as number;

/** Runs the calls as a turn does: each once what it waits for has settled, in any order. */
class Simulation {
  readonly accesses: (Access | undefined)[];
  readonly ran: Ran = { outcomes: [], seen: new Map(), writers: new Map() };
  readonly started = new Set<number>();
  readonly running = new Set<number>();
  /** What the calls wait for by the plan; whether they still do is asked of the order. */
  waits: number[][];
  private readonly order: CallOrder;
  private readonly settled = new Map<number, OutcomeType>();
  private readonly outcomes: readonly OutcomeType[];

  constructor(calls: readonly PlannedCall[]) {
    this.accesses = calls.map(({ access }) => access);
    this.outcomes = calls.map(({ outcome }) => outcome);
    this.waits = planOrder(this.accesses);
    this.order = new CallOrder(this.accesses, (i) => this.settled.get(i));
  }

  get isOver(): boolean {
    return this.settled.size === this.accesses.length;
  }

  /** Calls that have neither started nor settled. */
  get waiting(): number[] {
    const all = [...this.accesses.keys()];
    return all.filter((i) => !this.started.has(i) && !this.settled.has(i));
  }

  /** Starts or skips one call that no longer waits for another; `false` when there is none. */
  startOne(stream: fc.Stream<number>): boolean {
    const free = this.waiting.filter((i) => this.waits[i]?.every((j) => this.settled.has(j)));
    expect(this.waiting.filter((i) => !this.order.isHeld(i))).toEqual(free);
    const i = free[next(stream) % free.length];
    if (i === undefined) return false;
    if (this.order.blocker(i) === undefined) {
      this.started.add(i);
      this.running.add(i);
      recordRun(this.ran, i, this.accesses[i]);
    } else {
      this.ran.outcomes[i] = undefined;
      this.settle(i, 'skipped');
    }
    return true;
  }

  finishOne(stream: fc.Stream<number>): void {
    const i = [...this.running][next(stream) % this.running.size];
    if (i === undefined) throw new Error('All calls that are left wait for each other.');
    this.running.delete(i);
    this.settle(i, this.outcomes[i] as OutcomeType);
    this.ran.outcomes[i] = this.outcomes[i];
  }

  edit(i: number, access: Access | undefined): void {
    const hasStarted = (j: number) => this.started.has(j);
    this.accesses[i] = access;
    this.waits = planAgain(this.accesses, hasStarted);
    this.order.edit(i, access, hasStarted);
  }

  private settle(i: number, outcome: OutcomeType): void {
    this.settled.set(i, outcome);
    this.order.release(i, () => undefined);
  }
}

const conflictsOf = (all: readonly (Access | undefined)[], i: number, others: number[]) =>
  others.filter((j) => j !== i && areInConflict(all[i], all[j]));

describe('the order of calls, for any accesses,', () => {
  test('makes each wait for exactly the earlier ones that it conflicts with', () => {
    fc.assert(
      fc.property(accesses, (all) => {
        const indices = [...all.keys()];
        expect(planOrder(all)).toEqual(
          indices.map((i) => conflictsOf(all, i, indices.slice(0, i))),
        );
      }),
      { numRuns: 1_000 },
    );
  });

  test('depends on pairs that conflict, in either direction', () => {
    fc.assert(
      fc.property(access, access, (a, b) => {
        expect(conflicts(a, b)).toBe(areInConflict(a, b));
        expect(conflicts(b, a)).toBe(areInConflict(a, b));
      }),
      { numRuns: 1_000 },
    );
  });

  test('gives the same result as one after another, in whichever order they finish', () => {
    fc.assert(
      fc.property(calls, choices, (planned, stream) => {
        const simulation = new Simulation(planned);
        while (!simulation.isOver) {
          // Sometimes a call finishes before all that could start have started.
          const finishesFirst = simulation.running.size > 0 && next(stream) % 4 === 0;
          if (finishesFirst || !simulation.startOne(stream)) simulation.finishOne(stream);
        }
        const reference = runInSequence(planned);
        expect(simulation.ran.outcomes).toEqual(reference.outcomes);
        expect(simulation.ran.seen).toEqual(reference.seen);
        expect(simulation.ran.writers).toEqual(reference.writers);
      }),
      { numRuns: 2_000 },
    );
  });

  test('lets every call without an earlier conflict start at once', () => {
    fc.assert(
      fc.property(calls, choices, (planned, stream) => {
        const simulation = new Simulation(planned);
        while (simulation.startOne(stream));
        const all = planned.map(({ access }) => access);
        const indices = [...all.keys()];
        const free = indices.filter((i) => conflictsOf(all, i, indices.slice(0, i)).length === 0);
        expect([...simulation.started].toSorted((a, b) => a - b)).toEqual(free);
      }),
    );
  });

  test('skips a call because of the earliest single reason', () => {
    fc.assert(
      fc.property(calls, (planned) => {
        const all = planned.map(({ access }) => access);
        const outcomeOf = (i: number) => planned[i]?.outcome as OutcomeType;
        for (const [i, waitsFor] of planOrder(all).entries()) {
          const alone = waitsFor.filter((j) => findBlocker(i, all, [j], outcomeOf) !== undefined);
          expect(findBlocker(i, all, waitsFor, outcomeOf)?.index).toBe(alone[0]);
        }
      }),
    );
  });
});

/** Runs the calls to their end, with the edits at any time; `check` sees every state. */
function runEdited(
  planned: readonly PlannedCall[],
  planEdits: readonly (readonly [number, Access | undefined])[],
  stream: fc.Stream<number>,
  check: (simulation: Simulation) => void,
): void {
  const simulation = new Simulation(planned);
  const pending = [...planEdits];
  while (!simulation.isOver) {
    const choice = next(stream) % 3;
    const { waiting } = simulation;
    const edit = choice === 0 && waiting.length > 0 ? pending.shift() : undefined;
    if (edit !== undefined) {
      simulation.edit(waiting[edit[0] % waiting.length] as number, edit[1]);
    } else if (choice === 1 && simulation.running.size > 0) {
      simulation.finishOne(stream);
    } else if (!simulation.startOne(stream)) {
      simulation.finishOne(stream);
    }
    check(simulation);
  }
}

describe('calls that are edited while others run, however often,', () => {
  const edits = fc.array(fc.tuple(fc.nat(), access), { maxLength: 6 });

  test('never run beside one that they conflict with, and all end', () => {
    fc.assert(
      fc.property(calls, edits, choices, (planned, planEdits, stream) => {
        runEdited(planned, planEdits, stream, ({ accesses, running }) => {
          const beside = [...running];
          expect(beside.flatMap((i) => conflictsOf(accesses, i, beside))).toEqual([]);
        });
      }),
      { numRuns: 1_000 },
    );
  });

  test('wait for conflicting calls that come earlier or have started, and for no others', () => {
    fc.assert(
      fc.property(calls, edits, choices, (planned, planEdits, stream) => {
        runEdited(planned, planEdits, stream, ({ accesses, started, waiting, waits }) => {
          const indices = [...accesses.keys()];
          for (const i of waiting) {
            const before = indices.filter((j) => j < i || started.has(j));
            expect(waits[i]).toEqual(conflictsOf(accesses, i, before));
          }
        });
      }),
      { numRuns: 1_000 },
    );
  });

  test('never wait in a circle, whichever calls have started', () => {
    fc.assert(
      fc.property(accesses, fc.infiniteStream(fc.boolean()), (all, stream) => {
        const started = all.map(() => stream.next().value as boolean);
        const waits = planAgain(all, (i) => started[i] === true);
        // What waits for nothing that is left is taken away, until nothing is left.
        let left = [...all.keys()];
        for (let before = left.length + 1; left.length < before;) {
          before = left.length;
          left = left.filter((i) => waits[i]?.some((j) => left.includes(j)));
        }
        expect(left).toEqual([]);
        expect(waits.filter((_, i) => started[i])).toEqual(
          waits.filter((_, i) => started[i]).map(() => []),
        );
      }),
      { numRuns: 1_000 },
    );
  });

  test('keep the order of the calls if none has started', () => {
    fc.assert(
      fc.property(accesses, (all) => {
        expect(planAgain(all, () => false)).toEqual(planOrder(all));
      }),
    );
  });
});
