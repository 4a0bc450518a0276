import type { Row, Bar, Waterfall } from '../../client/follow/waterfall.ts';
import type { TurnFacts } from '../../cli/show/facts.ts';
import { timingOf } from '../../core/turn/timing.ts';

// Turns that begin at 0 and are looked at, or have ended, at 60,000.

export function row(name: string, about: Partial<Row> = {}): Row {
  return {
    type: 'call',
    id: `toolu_${name}`,
    round: 1,
    name,
    summary: 'customer: 7',
    state: 'succeeded',
    attempts: 1,
    bars: [bar('attempt', 1_000, 2_000)],
    children: [],
    ...about,
  };
}

export function bar(type: Bar['type'], start: number, end: number, more: Partial<Bar> = {}): Bar {
  return { type, start, end, ...more };
}

/** A model request that has asked for these calls. */
export function model(children: Row[], about: Partial<Row> = {}): Row {
  return row('model', {
    type: 'model',
    id: 'model.1',
    summary: 'round 1',
    bars: [bar('attempt', 0, 400), bar('reply', 400, 1_000)],
    critical: true,
    children,
    ...about,
  });
}

const NO_WAITS = { approval: 0, conflict: 0, limit: 0, queue: 0, backoff: 0, outside: 0 };

export function facts(
  rows: Row[],
  turn: Partial<Waterfall> = {},
  more: Partial<TurnFacts> = {},
): TurnFacts {
  const times = { model: 1_000, tools: 1_000, people: 0, calls: 3_000, width: 3 };
  return {
    turn: {
      turnId: 't',
      agent: 'support',
      status: 'running',
      taskQueue: 'plait',
      start: 0,
      end: 60_000,
      rows,
      timing: timingOf(times, 60_000),
      waits: NO_WAITS,
      ...turn,
    },
    queues: [],
    approvals: [],
    ...more,
  };
}
