import { defined } from '../json.ts';
import type { RunHistory } from '../turn/history-room.ts';
import type { SessionMemory, WaitingTurn } from './memory.ts';
import { fitsOnePayload, takeTurn } from './memory.ts';
import type { SessionArgs } from './protocol.ts';

// What a session does next. Decisions of the loop in `workflows/agent-session.ts`: pure functions of the
// memory and the circumstances.

/** What the session does next. */
export type SessionStep =
  | { type: 'run turn'; turn: WaitingTurn }
  /** For a message. After `atMost` milliseconds without one the session goes on in a new run. */
  | { type: 'wait'; atMost?: number }
  | { type: 'continue as new' }
  | { type: 'stop' };

/** What the decision goes by beside the memory. */
export interface SessionCircumstances {
  args: SessionArgs;
  history: RunHistory;
  /** In this run. */
  hasRunTurns: boolean;
}

/**
 * A session that was idle for so long goes on in a new run. Its history is then almost empty, so that
 * any later version of Plait can wake it up.
 */
const IDLE_BEFORE_CONTINUING = 10_000;
/**
 * A session whose history is long waits for a shorter pause. A message that arrives just when the session
 * goes on in a new run is rejected by the server, and sent again by the SDK only after some 1.7 s; right
 * after a turn is when the next one is most likely to come.
 */
const PAUSE_BEFORE_CONTINUING = 1_000;
/** Where Temporal suggests it. */
const SUGGESTED_EVENTS = 4_096;
/** Where there is no pause, a history that is so many times as long as it should be has to do. */
const MAX_EXCESS = 2;

/** The step, and the memory without the message that becomes a turn. */
export function nextSessionStep(
  memory: SessionMemory,
  now: SessionCircumstances,
): { memory: SessionMemory; next: SessionStep } {
  const atMost = patience(memory, now);
  if (atMost === 0) return { memory, next: { type: 'continue as new' } };
  const first = takeTurn(memory);
  if (first !== undefined) {
    return { memory: first.memory, next: { type: 'run turn', turn: first.turn } };
  }
  if (memory.closing === true) return { memory, next: { type: 'stop' } };
  return { memory, next: { type: 'wait', ...defined({ atMost }) } };
}

/**
 * How many milliseconds without a message the session waits for before it goes on in a new run.
 * `undefined`, for ever, where it has not run a turn, since a session that sleeps has no timer, and where
 * no new run could be given all that it remembers.
 */
function patience(
  memory: SessionMemory,
  { args, history, hasRunTurns }: SessionCircumstances,
): number | undefined {
  if (!hasRunTurns || !fitsOnePayload(memory, args)) return undefined;
  const { historyLength, continueAsNewSuggested } = history;
  const limit = memory.agent?.limits.historyEvents;
  if (historyLength >= MAX_EXCESS * (limit ?? SUGGESTED_EVENTS)) return 0;
  const isLong = continueAsNewSuggested || historyLength >= (limit ?? Number.POSITIVE_INFINITY);
  return isLong ? PAUSE_BEFORE_CONTINUING : IDLE_BEFORE_CONTINUING;
}
