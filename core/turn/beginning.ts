import type { PinnedAgent } from '../agent-spec.ts';
import type { PreparedCall } from '../calls/prepared-call.ts';
import type { Conversation, TurnState } from './state.ts';
import type { SteeringMessage } from './steering.ts';

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
