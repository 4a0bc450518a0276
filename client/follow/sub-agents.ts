import type { CallSnapshot, SubAgentSnapshot, TurnSnapshot } from './snapshot.ts';
import { isSettled } from './snapshot.ts';

/** Snapshots of one turn, as they come. */
type Snapshots = AsyncGenerator<TurnSnapshot, void, undefined>;

/**
 * The snapshots of a turn, with the sub-agents' turns in their calls; another one after every change of any
 * of them. Ends when all have ended. A sub-agent whose history is gone is left out.
 *
 * @param own the snapshots of the turn itself
 * @param watch those of a sub-agent's turn. It may wait for the turn to begin until `callEnded`.
 */
export async function* withSubAgents(
  signal: AbortSignal | undefined,
  own: (over: AbortSignal) => Snapshots,
  watch: (subAgent: SubAgentSnapshot, over: AbortSignal, callEnded: AbortSignal) => Snapshots,
): Snapshots {
  const leaving = new AbortController();
  const over = AbortSignal.any([leaving.signal, ...(signal === undefined ? [] : [signal])]);
  const turn = new Followed(own(over));
  const subTurns = new Map<string, Followed>();
  const callsEnded = new Map<string, AbortController>();
  let seen = 0;
  try {
    for (;;) {
      const open = [turn, ...subTurns.values()].filter(({ isOver }) => !isOver);
      if (open.length === 0) return;
      await Promise.race(open.map((one) => one.advanced()));
      if (turn.latest === undefined) continue;
      for (const { subAgent, hasEnded } of begunIn(turn.latest)) {
        const { turnId } = subAgent;
        const callEnded = callsEnded.get(turnId) ?? new AbortController();
        if (!subTurns.has(turnId)) {
          callsEnded.set(turnId, callEnded);
          const snapshots = watch(subAgent, over, callEnded.signal);
          subTurns.set(turnId, new Followed(ifThere(snapshots)));
        }
        if (hasEnded) callEnded.abort();
      }
      const all = [turn, ...subTurns.values()].reduce((sum, { count }) => sum + count, 0);
      if (all === seen) continue;
      seen = all;
      yield withTurns(turn.latest, subTurns);
    }
  } finally {
    leaving.abort();
  }
}

/** A turn that is followed. Its next snapshot is requested only when somebody waits for it. */
class Followed {
  latest: TurnSnapshot | undefined;
  isOver = false;
  /** How many snapshots have come. */
  count = 0;
  private readonly snapshots: Snapshots;
  private next: Promise<void> | undefined;

  constructor(snapshots: Snapshots) {
    this.snapshots = snapshots;
  }

  /** Settles when another snapshot has come, or none will. */
  advanced(): Promise<void> {
    this.next ??= this.advance();
    // Mark the rejection as handled: while the consumer is busy nobody awaits it; the next one to await it
    // still gets it.
    this.next.catch(() => undefined);
    return this.next;
  }

  private async advance(): Promise<void> {
    const { done, value } = await this.snapshots.next();
    this.next = undefined;
    if (done === true) {
      this.isOver = true;
      return;
    }
    this.latest = value;
    this.count += 1;
  }
}

async function* ifThere(snapshots: Snapshots): Snapshots {
  try {
    yield* snapshots;
  } catch {
    // The calling turn says how it ended.
  }
}

/**
 * The turns of sub-agents that have begun; the server knows no others. Turns of sessions may have to wait for
 * others, and never begin if their calls end before that.
 */
export function begunIn({
  rounds,
}: TurnSnapshot): { subAgent: SubAgentSnapshot; hasEnded: boolean }[] {
  return rounds.flatMap(({ calls }) =>
    calls.flatMap(({ subAgent, state }) =>
      subAgent === undefined || state === 'scheduled'
        ? []
        : [{ subAgent, hasEnded: isSettled(state) }],
    ),
  );
}

function withTurns(snapshot: TurnSnapshot, subTurns: ReadonlyMap<string, Followed>): TurnSnapshot {
  if (subTurns.size === 0) return snapshot;
  const rounds = snapshot.rounds.map((round) => ({
    ...round,
    calls: round.calls.map((call) => {
      const turn = subTurns.get(call.subAgent?.turnId ?? '')?.latest;
      if (call.subAgent === undefined || turn === undefined) return call;
      return { ...call, subAgent: { ...call.subAgent, turn } };
    }),
  }));
  return { ...snapshot, rounds };
}

/** All calls of a turn and of its sub-agents, at any level. */
export function allCallsOf(turn: TurnSnapshot): CallSnapshot[] {
  return turn.rounds.flatMap(({ calls }) =>
    calls.flatMap((call) => {
      const inner = call.subAgent?.turn;
      return [call, ...(inner === undefined ? [] : allCallsOf(inner))];
    }),
  );
}
