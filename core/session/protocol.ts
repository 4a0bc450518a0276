import type { BatchPolicy } from '../calls/batch-policy.ts';
import type { Budget, OnLimit, Spent } from '../turn/budget.ts';
import type { InputBlock, Message } from '../conversation/messages.ts';
import type { Transcript } from '../conversation/transcript.ts';
import { membersOf } from '../json.ts';
import type { StopReason } from '../turn/stop-reason.ts';
import type { Usage } from '../turn/usage.ts';
import type { CallingTurn } from './calling-turn.ts';

// The arguments, Updates and Queries of a session, shared by the workflow that answers them and the client.

/** Update with one `Send`; returns a `SendReceipt`. */
export const SEND_UPDATE = 'send';
/** Update with one `Close`, or nothing; returns nothing. */
export const CLOSE_UPDATE = 'close';
/** Signal with one `Withdrawal`, from the turn that has sent a message and does not want its answer any more. */
export const WITHDRAW_SIGNAL = 'withdraw';
/** Query without arguments; returns a `SessionState`. */
export const DESCRIBE_QUERY = 'describe';
/** Query without arguments; returns a `SessionTranscript`. */
export const TRANSCRIPT_QUERY = 'transcript';

export interface Close {
  /** Cancel the turn that runs, and forget those that wait. @default they come to their end first */
  interrupt?: boolean;
}

/**
 * What becomes of a message that is sent while a turn runs.
 *
 * - `queue`: it waits, and becomes a turn of its own
 * - `steer`: the running turn takes it in, at the next place where the model may read it
 * - `interrupt`: the running turn is cancelled, its open calls are answered, and the message is next
 * - `reject`: it is rejected
 */
export type WhenBusy = 'queue' | 'steer' | 'interrupt' | 'reject';

export const WHEN_BUSY = membersOf<WhenBusy>({
  queue: true,
  steer: true,
  interrupt: true,
  reject: true,
});

/** The argument of the workflow `agentSession`, for everyone who starts it with a plain client. */
export interface SessionArgs extends Partial<BatchPolicy> {
  /** Name of an agent that the workers of the task queue have. */
  agent: string;
  /** What the tools of every turn should know and the model should not; JSON. */
  context?: unknown;
  /** @default 'queue' */
  whenBusy?: WhenBusy;
  /** What the conversation begins with. @default nothing */
  messages?: Message[];
  /**
   * Who starts the session has a storage for large payloads, as the workers have. From the first turn
   * on it is known from them. @default false
   */
  storage?: boolean;
  /**
   * What all turns together may spend, beside the limits of the agent for each. `wallTime` is that of
   * the turns: a session that waits for a message spends nothing.
   */
  limits?: Budget;
  /** What a turn does that has reached a limit, instead of the agent's. */
  onLimit?: OnLimit;
  /** Whether replies can be followed while they come, instead of the agent's. */
  stream?: boolean;
}

/** What a user's message may be. */
export type SessionInput = string | InputBlock[];

/** The argument of the Update `send`. */
export interface Send {
  input: SessionInput;
  /** The same message, sent again, is the same turn. */
  idempotencyKey: string;
  /** The agent that the sender believes to speak to. @default whichever it is */
  agent?: string;
  /** Instead of the session's. */
  whenBusy?: WhenBusy;
  /** Instead of the session's, for the turn that the message becomes. */
  stream?: boolean;
  /** The turn whose call this is. The message then waits for a turn of its own, whatever `whenBusy` says. */
  calledBy?: CallingTurn;
}

/** The argument of the Signal `withdraw`. */
export interface Withdrawal {
  /** The turn that a message became. It is cancelled where it runs, and forgotten where it waits. */
  turnId: string;
}

/** What `send` returns. */
export interface SendReceipt {
  /** The turn that the message becomes. */
  turnId: string;
  /** The running turn that may take it in instead; the result of that one says so. */
  joins?: string;
}

/** What a session is doing. */
export type SessionStatus = 'idle' | 'busy' | 'closed';

/** What the Query `describe` returns. */
export interface SessionState {
  agent: string;
  status: SessionStatus;
  /** The turn that runs. */
  runningTurn?: string;
  /** Turns that wait, in their order. */
  waitingTurns: string[];
  /** Turns that have ended. */
  turns: number;
  /** Messages of the conversation. */
  messages: number;
  /** Sum over the turns. */
  usage: Usage;
  /** What counts towards the session's limits; `costUSD` where the agent has prices. */
  spent: Spent;
  lastTurn?: EndedTurn;
}

/** What the Query `transcript` returns. */
export interface SessionTranscript {
  transcript: Transcript;
  /** The turn that runs, and is not in it. */
  runningTurn?: string;
}

/** How a turn ended; `failed` where it has no stop reason. */
export interface EndedTurn {
  turnId: string;
  stopReason: StopReason | 'failed';
  /** ISO 8601. */
  endedAt: string;
  /** What a failed one said. */
  message?: string;
}
