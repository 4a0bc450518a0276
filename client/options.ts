import type { Duration } from '../agents/check-options.ts';
import type { Agent } from '../agents/define-agent.ts';
import type { OutputOption } from '../agents/output-schema.ts';
import type { OnToolFailure } from '../core/calls/batch-policy.ts';
import type { Budget, OnLimit } from '../core/turn/budget.ts';
import type { Message } from '../core/conversation/messages.ts';
import type { WhenBusy } from '../core/session/protocol.ts';

/** What one turn may spend, beside the agent's limits: the tighter of both holds. 0 means nothing. */
export interface TurnLimitOptions extends Omit<Budget, 'wallTime'> {
  /** From the start of the turn, waiting for people and for workers included. */
  wallTime?: Duration;
}

export interface GetTurnOptions<Output = unknown> {
  /** Whose `output` schema says how to read the answer. */
  agent?: Agent<unknown, Output>;
  /** The schema that the turn was started with, where that is not the agent's. */
  output?: OutputOption<Output>;
}

export interface StartTurnOptions<Context = unknown, Output = unknown> {
  /**
   * The workflow id. Starting a turn that exists starts nothing and returns its handle, so a caller
   * that is not sure whether it has started may start again.
   * @default the agent's name and a random UUID
   */
  turnId?: string;
  /** What the tools should know and the model should not; JSON. */
  context?: Context;
  /**
   * Who the turn is for, so that `listTurns` and Temporal's own lists find it; 1 to 255 characters.
   * Neither the model nor the tools are told. It is kept as plain text, whatever codec the payloads
   * have: an id rather than a name or an address. Lost where the search attributes are not registered.
   */
  user?: string;
  /** @default the client's */
  taskQueue?: string;
  /** Instead of the agent's. */
  onToolFailure?: OnToolFailure;
  /** Limit for all calls of one reply together, instead of the agent's. */
  batchTimeout?: Duration;
  /** What the turn may spend, beside the agent's limits: the tighter of both holds. */
  limits?: TurnLimitOptions;
  /** What the turn does on reaching a limit, instead of the agent's. */
  onLimit?: OnLimit;
  /**
   * What the answer must be, instead of the agent's `output`: a zod schema of an object, or a JSON Schema.
   * Workers check it as far as JSON Schema can say it, and `result()` the rest.
   */
  output?: OutputOption<Output>;
}

export interface OpenSessionOptions<Context = unknown> {
  /**
   * Who the session is for, to find it by: 1 to 255 characters, kept as plain text by the server. The
   * model does not see it.
   */
  user?: string;
  /** What the tools should know and the model should not; JSON. */
  context?: Context;
  /** What becomes of a message that is sent while a turn runs. @default 'queue' */
  whenBusy?: WhenBusy;
  /** @default the client's */
  taskQueue?: string;
  /** Instead of the agent's. */
  onToolFailure?: OnToolFailure;
  /** Limit for all calls of one reply together, instead of the agent's. */
  batchTimeout?: Duration;
  /**
   * What all turns together may spend, beside the agent's limits for each. `wallTime` is that of the
   * turns: a session that waits for a message spends nothing. With nothing left a turn ends at once.
   */
  limits?: TurnLimitOptions;
  /** What a turn does that has reached a limit, instead of the agent's. */
  onLimit?: OnLimit;
}

export interface StartSessionOptions<Context = unknown> extends OpenSessionOptions<Context> {
  /**
   * The workflow id. Starting a session that was started in the same way starts nothing and returns
   * its handle.
   * @default the agent's name and a random UUID
   */
  sessionId?: string;
  /**
   * What the conversation begins with: that of another session, or of a turn. Thinking is left out: it
   * is bound to the prompt and the tools of the agent that had it.
   * @default nothing
   */
  messages?: readonly Message[];
}

/** The options of a start; required with a `context` where the agent declares one. */
export type OptionsOf<Context, Options> = unknown extends Context
  ? [options?: Options]
  : [options: Options & { context: Context }];
