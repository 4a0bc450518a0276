import { describe, expect, test } from 'vitest';
import type { SessionStep } from '../../../core/session/decide.ts';
import { nextSessionStep } from '../../../core/session/decide.ts';
import type { SessionMemory } from '../../../core/session/memory.ts';
import { beginSession } from '../../../core/session/memory.ts';
import { pinned } from '../turn/decide-fixture.ts';

const TURN = { turnId: 'chat.turn-1', input: 'Hello' };

/** All that may hold at the same time. */
interface Case {
  /** Messages that wait. */
  waiting?: 1 | 2;
  closing?: true;
  /** In this run. */
  hasRunTurns?: true;
  events?: number;
  suggested?: true;
  /** The agent's own limit of events. */
  limit?: number;
  /** Too large for the arguments of a new run, without a storage. */
  tooLarge?: true;
}

function decide({ waiting, closing, hasRunTurns, events = 10, suggested, limit, tooLarge }: Case) {
  const agent = pinned('payload', limit === undefined ? {} : { historyEvents: limit });
  const input = tooLarge === true ? 'x'.repeat(2_000_000) : 'next';
  const memory: SessionMemory = {
    ...beginSession({ agent: 'support' }),
    agent,
    waiting: [TURN, { turnId: 'chat.turn-2', input }].slice(0, waiting ?? 0),
    ...(tooLarge === true ? { receipts: [[input, 'm', 't']] } : {}),
    ...(closing === true ? { closing } : {}),
  };
  const now = {
    args: { agent: 'support' },
    history: {
      historyLength: events,
      historySize: 10_000,
      continueAsNewSuggested: suggested === true,
    },
    hasRunTurns: hasRunTurns === true,
  };
  return { before: memory, ...nextSessionStep(memory, now) };
}

describe('a session', () => {
  test.for<[about: Case, next: SessionStep]>([
    // A message becomes a turn, also in a session that closes; the last one ends it.
    [{ waiting: 1 }, { type: 'run turn', turn: TURN }],
    [
      { waiting: 2, closing: true },
      { type: 'run turn', turn: TURN },
    ],
    [
      { waiting: 1, hasRunTurns: true, suggested: true },
      { type: 'run turn', turn: TURN },
    ],
    [{ closing: true }, { type: 'stop' }],
    [{ closing: true, hasRunTurns: true, events: 5_000 }, { type: 'stop' }],

    // Without a message it waits: for ever until it has run a turn, since sleeping has to cost nothing.
    [{}, { type: 'wait' }],
    [{ events: 9_000, suggested: true }, { type: 'wait' }],
    [{ hasRunTurns: true }, { type: 'wait', atMost: 10_000 }],
    [
      { hasRunTurns: true, suggested: true },
      { type: 'wait', atMost: 1_000 },
    ],
    [
      { hasRunTurns: true, limit: 100, events: 99 },
      { type: 'wait', atMost: 10_000 },
    ],
    [
      { hasRunTurns: true, limit: 100, events: 100 },
      { type: 'wait', atMost: 1_000 },
    ],

    // A history twice as long as it should be does not wait for a pause, whatever else waits.
    [{ hasRunTurns: true, events: 8_192 }, { type: 'continue as new' }],
    [
      { hasRunTurns: true, events: 8_191 },
      { type: 'wait', atMost: 10_000 },
    ],
    [{ hasRunTurns: true, limit: 100, events: 200, waiting: 2 }, { type: 'continue as new' }],
    [{ hasRunTurns: true, events: 8_192, closing: true }, { type: 'continue as new' }],

    // What does not fit into the arguments of a new run stays in this one.
    [{ hasRunTurns: true, events: 9_000, tooLarge: true }, { type: 'wait' }],
    [
      { hasRunTurns: true, events: 9_000, tooLarge: true, waiting: 1 },
      { type: 'run turn', turn: TURN },
    ],
  ])('%j: %j', ([about, next]) => {
    const { before, memory, next: decided } = decide(about);
    expect(decided).toEqual(next);
    const taken = next.type === 'run turn' ? 1 : 0;
    expect(memory.waiting).toEqual(before.waiting.slice(taken));
  });
});
