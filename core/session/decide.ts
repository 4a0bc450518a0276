import { defined } from '../json.ts';
import type { RunHistory } from '../turn/history-room.ts';
import type { SessionMemory, WaitingTurn } from './memory.ts';
import { fitsOnePayload, takeTurn } from './memory.ts';
import type { SessionArgs } from './protocol.ts';

// What a session does next. The decisions of the loop in `workflows/agent-session.ts`, as pure functions of
// the memory and the circumstances.

/** What the session does next. */
export type SessionStep =
  | { type: 'run turn'; turn: WaitingTurn }
  /** Wait for a message. After `atMost` milliseconds without one, the session goes on in a new run. */
  | { type: 'wait'; atMost?: number }
  | { type: 'continue as new' }
  | { type: 'stop' };

/** What the decision depends on besides the memory. */
export interface SessionCircumstances {
  args: SessionArgs;
  history: RunHistory;
  /** In this run. */
  hasRunTurns: boolean;
}

/**
 * After this idle time, in milliseconds, a session goes on in a new run. Its history is then almost empty, so
 * that any later version of Plait can wake it up.
 */
const IDLE_BEFORE_CONTINUING = 10_000;
/**
 * A session with a long history waits for a shorter pause. The server rejects a message that arrives just
 * while a session continues in a new run, and the SDK sends it again only after about 1.7 s; right after a
 * turn the next message is most likely.
 */
const PAUSE_BEFORE_CONTINUING = 1_000;
/** The number of events at which Temporal suggests it. */
const SUGGESTED_EVENTS = 4_096;
/** Without any pause, the session continues as new at this multiple of its length limit. */
const MAX_EXCESS = 2;

/** The step, and the memory without a message that becomes a turn. */
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
 * After how many milliseconds without a message the session goes on in a new run. `undefined`, for never, if
 * it has not run a turn (a sleeping session has no timer) or if a new run could not be given all that it
 * remembers.
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
