import type { Duration } from '../agents/check-options.ts';
import type { Agent } from '../agents/define-agent.ts';
import type { OutputOption } from '../agents/output-schema.ts';
import type { OnToolFailure } from '../core/calls/batch-policy.ts';
import type { Message } from '../core/conversation/messages.ts';
import type { WhenBusy } from '../core/session/protocol.ts';
import type { Budget, OnLimit } from '../core/turn/budget.ts';

/** What one turn may spend. The agent's limits hold too: the lower one counts. 0 means nothing. */
export interface TurnLimitOptions extends Omit<Budget, 'wallTime'> {
  /** From the start of the turn. Waiting for people and for workers counts. */
  wallTime?: Duration;
}

/** What turns and sessions are started with alike. */
interface StartOptions<Context> {
  /** What the tools should know and the model should not; JSON. */
  context?: Context;
  /**
   * Who it is for: 1 to 255 characters by which `listTurns`, `listSessions` and Temporal's own lists
   * find it; tools have it as `ctx.user`. The model does not see it. The server keeps it as plain text,
   * whatever codec the payloads have, so give an id and not a name or an address. Where the search
   * attributes are not registered, no list finds by it.
   */
  user?: string;
  /** @default the client's */
  taskQueue?: string;
  /** What a failing call does to the others of its reply. @default the agent's */
  onToolFailure?: OnToolFailure;
  /** Time limit for all calls of one reply together. @default the agent's */
  batchTimeout?: Duration;
  /** What a turn does when it reaches a limit. @default the agent's */
  onLimit?: OnLimit;
  /**
   * Let `turn.stream()` report replies while the model writes them, for up to five heartbeats a second, each
   * an Action, or none where the workers have a `streamTransport`. Without it each reply is reported when it
   * is committed. @default the agent's
   */
  stream?: boolean;
}

/** What `start` and `execute` take besides the agent and the input. */
export interface StartTurnOptions<
  Context = unknown,
  Output = unknown,
> extends StartOptions<Context> {
  /**
   * The workflow id. Starting a turn that exists starts nothing and returns its handle, so when you are
   * not sure whether you have started a turn, start it again.
   * @default the agent's name and a random UUID
   */
  turnId?: string;
  /** What the turn may spend. The agent's limits hold too: the lower one counts. */
  limits?: TurnLimitOptions;
  /**
   * What the answer must be: a zod schema of an object, or a JSON Schema. Workers check what JSON Schema
   * can say, and `result()` checks the rest.
   * @default the agent's
   */
  output?: OutputOption<Output>;
}

export interface GetTurnOptions<Output = unknown> {
  /** The agent of the turn, whose `output` schema parses the answer. */
  agent?: Agent<unknown, Output>;
  /** The schema that the turn was started with, where that is not the agent's. */
  output?: OutputOption<Output>;
}

/** What `openSession` takes. A session that exists keeps the options that it was created with. */
export interface OpenSessionOptions<Context = unknown> extends StartOptions<Context> {
  /** What happens to a message that is sent while a turn runs. @default 'queue' */
  whenBusy?: WhenBusy;
  /**
   * What all turns together may spend. The agent's limits hold for each of them. `wallTime` counts only
   * while a turn runs. When nothing is left, the next turn ends at once.
   */
  limits?: TurnLimitOptions;
}

/** What `startSession` takes. */
export interface StartSessionOptions<Context = unknown> extends OpenSessionOptions<Context> {
  /**
   * The workflow id. Starting a session again with the same options starts nothing and returns its
   * handle.
   * @default the agent's name and a random UUID
   */
  sessionId?: string;
  /**
   * What the conversation begins with: the messages of another session, or of a turn. Thinking is left
   * out: it is bound to the prompt and the tools of the agent that thought.
   * @default nothing
   */
  messages?: readonly Message[];
}

/** The options of a start; required, with a `context`, where the agent declares one. */
export type OptionsOf<Context, Options> = unknown extends Context
  ? [options?: Options]
  : [options: Options & { context: Context }];
