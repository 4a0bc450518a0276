import type { BatchPolicy } from '../calls/batch-policy.ts';
import type { Budget, OnLimit, Spent } from '../turn/budget.ts';
import type { InputBlock, Message } from '../conversation/messages.ts';
import type { Transcript } from '../conversation/transcript.ts';
import { membersOf } from '../json.ts';
import type { StopReason } from '../turn/stop-reason.ts';
import type { Usage } from '../turn/usage.ts';
import type { CallingTurn } from './calling-turn.ts';

// The arguments, Updates and Queries of a session, shared by its workflow and the client.

/** Update with one `Send`; returns a `SendReceipt`. */
export const SEND_UPDATE = 'send';
/** Update with one `Close`, or nothing; returns nothing. */
export const CLOSE_UPDATE = 'close';
/** Signal with one `Withdrawal`, from a turn that has sent a message and no longer wants its answer. */
export const WITHDRAW_SIGNAL = 'withdraw';
/** Query without arguments; returns a `SessionState`. */
export const DESCRIBE_QUERY = 'describe';
/** Query without arguments; returns a `SessionTranscript`. */
export const TRANSCRIPT_QUERY = 'transcript';

export interface Close {
  /** Cancel the running turn, and drop those that wait. @default they end first */
  interrupt?: boolean;
}

/**
 * What happens to a message that is sent while a turn runs.
 *
 * - `queue`: it waits, and becomes a turn of its own
 * - `steer`: the model reads it in the running turn, at the next place where it may
 * - `interrupt`: the running turn is cancelled, its open calls are answered, and the message is next
 * - `reject`: it is rejected with a `SessionBusyError`
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
   * Whether the client that starts the session has the workers' storage. From the first turn on, the workers
   * say so. @default false
   */
  storage?: boolean;
  /**
   * What all turns together may spend, in addition to the agent's limits for each turn. `wallTime` counts only
   * while a turn runs.
   */
  limits?: Budget;
  /** What a turn does when it reaches a limit. @default the agent's */
  onLimit?: OnLimit;
  /** Whether `stream()` reports replies while the model writes them. @default the agent's */
  stream?: boolean;
}

/** What a user's message may be. */
export type SessionInput = string | InputBlock[];

/** The argument of the Update `send`. */
export interface Send {
  input: SessionInput;
  /** The same message with the same key, sent again, is the same turn. */
  idempotencyKey: string;
  /** The agent that the sender expects: a session of another agent rejects the message. @default any */
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
  /** The turn that a message became. It is cancelled if it runs, and forgotten if it waits. */
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
