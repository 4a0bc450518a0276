import type { CallSnapshot, TurnSnapshot } from '../../client/follow/snapshot.ts';

/** A call that ran from 400 ms on, in a turn that began at 0. */
export function call(name: string, about: Partial<CallSnapshot> = {}): CallSnapshot {
  return {
    id: `toolu_${name}`,
    name,
    summary: 'customer_id: 1234',
    state: 'succeeded',
    attempt: 1,
    start: 400,
    end: 900,
    ...about,
  };
}

/** The same call while it runs. */
export function open(name: string, about: Partial<CallSnapshot>): CallSnapshot {
  const { end: _, ...rest } = call(name, about);
  return rest;
}

/** A turn with one round of these calls, and a second model request if it has ended. */
export function turnWith(calls: CallSnapshot[], ended = true): TurnSnapshot {
  const last = {
    round: 2,
    model: { state: 'succeeded', attempt: 1, start: 1_200, end: 1_600 } as const,
    calls: [],
  };
  return {
    turnId: 't',
    agent: 'customer-lookup',
    status: ended ? 'completed' : 'running',
    start: 0,
    rounds: [
      { round: 1, model: { state: 'succeeded', attempt: 1, start: 0, end: 400 }, calls },
      ...(ended ? [last] : []),
    ],
  };
}
