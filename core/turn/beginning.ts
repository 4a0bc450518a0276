import type { PinnedAgent } from '../agent-spec.ts';
import { closeConversation } from '../conversation/sendable.ts';
import { defined, isRecord, jsonBytes } from '../json.ts';
import type { SteeringMessage } from './steering.ts';
import type { PreparedCall } from '../calls/prepared-call.ts';
import type { Transcript } from '../conversation/transcript.ts';
import { references } from '../conversation/transcript.ts';
import type { Conversation, TurnState } from './state.ts';
import { fallbackOfRefusal, stopOf, turnSummary, withoutUnread } from './state.ts';
import type { StopReason, TurnProgress, TurnResult } from './result.ts';

/** The second argument of the workflow `agentTurn`, which nobody but Plait gives. */
export type TurnBeginning =
  /** The next turn of a session. `agent` is what the session has pinned; its first turn pins it. */
  | ({ type: 'session'; agent?: PinnedAgent } & Conversation)
  /** One whose message does not fit into one payload with the conversation. It fails, and says so. */
  | { type: 'too large' }
  /** The same turn, in a new run with an empty history. */
  | ({ type: 'continued' } & ContinuedTurn);

/** All that a turn takes along when it continues as new. */
export interface ContinuedTurn {
  state: TurnState;
  agent: PinnedAgent;
  ofSession: boolean;
  /** When its first run began; milliseconds since the epoch. */
  begunAt: number;
  /** Of the calls that the last reply asks for, if it does: they have not been dispatched. */
  prepared?: PreparedCall[];
  notes: SteeringMessage[];
  /** Fingerprints of the Updates that it has taken. */
  taken: string[];
}

/** What a session takes over from a turn, in whatever way it has ended. */
export interface TurnEnd extends Conversation {
  /** Messages of the conversation that are older than the turn. */
  before: number;
  /** `undefined` where the turn has not come as far as that. */
  agent?: PinnedAgent;
}

/** What the workflow of a session's turn returns: references instead of the messages. */
export type SessionTurnResult = Omit<TurnResult, 'messages'> & { end: TurnEnd };

/** The same of one that has not ended well, or not yet. */
export type SessionTurnProgress = Omit<TurnProgress, 'messages'> & { end: TurnEnd };

export function sessionTurnResult(
  agent: string,
  state: TurnState,
  pinned: PinnedAgent | undefined,
  stop: { reason: StopReason; details?: unknown },
): SessionTurnResult {
  const { agent: name, ...progress } = sessionTurnProgress(agent, state, pinned);
  return { agent: name, ...stopOf(stop), ...progress };
}

export function sessionTurnProgress(
  agent: string,
  given: TurnState,
  pinned: PinnedAgent | undefined,
): SessionTurnProgress {
  // A message that comes behind a system message, or together with one that the API refuses, would
  // make every later request a 400.
  const state = withoutUnread(given);
  const { before, stored, container } = state;
  const fallback = fallbackOfRefusal(state);
  return {
    ...turnSummary(agent, state),
    end: {
      transcript: closed(references(state.transcript)),
      stored,
      before,
      ...defined({ fallback, container, agent: pinned }),
    },
  };
}

/**
 * Ready for a person's next message. What is left out then is in the tail: a reply that was paused is
 * never sealed as the last message of a segment.
 */
function closed(transcript: Transcript): Transcript {
  const tail = closeConversation(transcript.tail);
  return { ...transcript, tail, tailBytes: tail.reduce((sum, one) => sum + jsonBytes(one), 0) };
}

export function isSessionProgress(value: unknown): value is SessionTurnProgress {
  return isRecord(value) && isRecord(value['end']) && 'transcript' in value['end'];
}
