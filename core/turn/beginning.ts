import type { PinnedAgent } from '../agent-spec.ts';
import type { MissingCall, PreparedCall, RecordedPreparedCall } from '../calls/prepared-call.ts';
import { readPreparedCall } from '../calls/prepared-call.ts';
import { findCallProblem } from '../conversation/reply.ts';
import { lastCalls } from '../conversation/transcript.ts';
import { defined } from '../json.ts';
import type { Shape } from '../shape.ts';
import {
  bool,
  byType,
  list,
  misfitCarried,
  number,
  oneOf,
  optional,
  text,
  whole,
} from '../shape.ts';
import { CONVERSATION_FIELDS, PINNED_AGENT, PREPARED_CALL, STATE, STEERINGS } from './carried.ts';
import type { Conversation, TurnState } from './state.ts';
import type { SteeringMessage } from './steering.ts';

/** The second argument of the workflow `agentTurn`, which only Plait gives. */
export type TurnBeginning =
  /**
   * The next turn of a session. `agent` is what the session has pinned; its first turn pins it. `levels`: how
   * many levels of sub-agents it may have, if it is the call of a sub-agent itself.
   */
  | ({ type: 'session'; agent?: PinnedAgent; levels?: number } & Conversation)
  /** The turn of a sub-agent. `levels`: how many levels of sub-agents it may have below it. */
  | { type: 'sub-agent'; levels: number }
  /**
   * A turn whose message does not fit into one payload together with the conversation. It fails with that
   * reason.
   */
  | { type: 'too large' }
  /** The same turn, in a new run with an empty history. */
  | ({ type: 'continued' } & RecordedTurn);

/** Everything that a turn takes along when it continues as new. */
export interface ContinuedTurn {
  state: TurnState;
  agent: PinnedAgent;
  ofSession: boolean;
  /** Set for the turn of a sub-agent, also in a session. */
  levels?: number;
  /** When its first run began; milliseconds since the epoch. */
  begunAt: number;
  /** It has a trace, even if no client began one. */
  traced?: true;
  /** The calls of the last reply, if they have not been dispatched. */
  prepared?: (PreparedCall | MissingCall)[];
  /** Fingerprints of the Updates that it has received. */
  seen: string[];
}

/** In histories from the time when steering messages were beside the state. */
type RecordedTurn = Omit<ContinuedTurn, 'state' | 'prepared' | 'seen'> & {
  state: Omit<TurnState, 'steering'> & { steering?: SteeringMessage[] };
  prepared?: (RecordedPreparedCall | MissingCall)[];
  seen?: string[];
  notes?: SteeringMessage[];
  taken?: string[];
};

const BEGINNING: Shape<TurnBeginning> = byType<TurnBeginning>({
  session: {
    ...CONVERSATION_FIELDS,
    agent: optional(PINNED_AGENT),
    levels: optional(whole()),
  },
  'sub-agent': { levels: whole() },
  'too large': {},
  continued: {
    state: STATE,
    agent: PINNED_AGENT,
    ofSession: bool,
    levels: optional(whole()),
    begunAt: number(0),
    traced: optional(oneOf(true)),
    prepared: optional(list(PREPARED_CALL)),
    seen: optional(list(text())),
    notes: optional(STEERINGS),
    taken: optional(list(text())),
  },
});

/** Why this cannot be the beginning of a turn, or `undefined`: a plain client may have made it. */
export function findBeginningProblem(beginning: unknown): string | undefined {
  const problem = misfitCarried(BEGINNING, beginning, 'beginning');
  if (problem !== undefined) return problem;
  const turn = beginning as TurnBeginning;
  if (turn.type !== 'continued' || turn.prepared === undefined) return undefined;
  const calls = lastCalls(turn.state.transcript);
  if (turn.prepared.length !== calls.length) {
    return `beginning.prepared must have one item for each of the ${calls.length} calls of the last reply`;
  }
  return findCallProblem(calls, new Set());
}

/** What an earlier run has handed on, whatever version of Plait it had. */
export function continuedTurn(recorded: RecordedTurn): ContinuedTurn {
  const { state, prepared: calls, notes = [], taken = [], seen = taken, ...turn } = recorded;
  const prepared = calls?.map((call) => readPreparedCall(call));
  return { ...turn, state: { steering: notes, ...state }, ...defined({ prepared }), seen };
}
