import type { OutcomeType } from '../../core/calls/outcome.ts';
import type { QuestionRecord } from '../../core/calls/question.ts';
import { shorten } from '../../core/json.ts';
import type { StopReason } from '../../core/turn/stop-reason.ts';
import type { CallApproval, TurnStatus } from './events.ts';

/**
 * The state of a model request or a tool call.
 *
 * - `scheduled`: no worker has taken it yet
 * - `waiting`: for a person, for the answer to a server's question, or to be completed from outside; `message`
 *   says which
 * - `running`: an attempt runs
 * - `retrying`: an attempt failed, and the next one has not begun; `message` says why
 * - `paused`: an operator paused it
 * - `cancelling`: it was asked to stop and has not stopped yet
 *
 * The others are outcomes, which do not change any more.
 */
export type ActivityState =
  | 'scheduled'
  | 'waiting'
  | 'running'
  | 'retrying'
  | 'paused'
  | 'cancelling'
  | OutcomeType;

/** One model request or one call, and how far it is. */
export interface ActivitySnapshot {
  state: ActivityState;
  /** From 1: the attempt that runs, that comes next, or that was the last. 0 where there was none. */
  attempt: number;
  /**
   * When the first attempt began; when the activity was scheduled, where no attempt has begun or it was
   * retried. Milliseconds since the epoch.
   */
  start?: number;
  /** Milliseconds since the epoch. */
  end?: number;
  /**
   * Its tool began while the reply was still coming, at `start`. While a call runs, its first heartbeat says
   * so, about a second after the activity has begun.
   */
  startedEarly?: true;
  /** Why it did not succeed, why its last attempt failed, or what it waits for. */
  message?: string;
}

/** One call of a tool. */
export interface CallSnapshot extends ActivitySnapshot {
  /** The `tool_use` id. */
  id: string;
  name: string;
  /** The short arguments, as the Temporal UI shows them; empty for a call that cannot run. */
  summary: string;
  /** It is on the critical path of its turn (see `CallRecord`); known when the turn has ended. */
  critical?: true;
  /** What was decided about it, where a person was asked: who, when, and why. */
  approval?: CallApproval;
  /** What its MCP server asked in the middle of the call, and who answered; known when the turn has ended. */
  questions?: QuestionRecord[];
  /** The turn that the call runs, where its tool is another agent. */
  subAgent?: SubAgentSnapshot;
  /** How often its worker was lost. The call may be the cause. */
  lostWorkers?: number;
}

/** The turn of a sub-agent. */
export interface SubAgentSnapshot {
  /** Also the id of its workflow. */
  turnId: string;
  /** Name of the agent. */
  agent: string;
  /** The session whose turn it is, where the agent has a memory of its own. The turn may have to wait for others of it. */
  sessionId?: string;
  /** How far it is, in snapshots of `watch()`. Absent before it has begun, and where its history is gone. */
  turn?: TurnSnapshot;
}

/** One request to the model, and the calls that its reply asked for, in the model's order. */
export interface RoundSnapshot {
  /** From 1. */
  round: number;
  model: ActivitySnapshot;
  calls: CallSnapshot[];
}

/** A turn at one moment. JSON. */
export interface TurnSnapshot {
  turnId: string;
  /** `undefined` where the turn's arguments cannot be read here. */
  agent: string | undefined;
  status: TurnStatus;
  /** Of a completed turn, where its result can be read here. */
  stopReason?: StopReason;
  /** Why the turn failed or was terminated. */
  message?: string;
  /**
   * Workers fail to take the next step of the workflow, since when (milliseconds since the epoch) and why.
   * Temporal tries again until one can.
   */
  blocked?: { since: number; message: string };
  /** Milliseconds since the epoch. */
  start?: number;
  /** Milliseconds since the epoch. */
  end?: number;
  rounds: RoundSnapshot[];
}

/** The `message` of a call that waits for a person. */
export const WAITS_FOR_APPROVAL = 'waits for approval';

const WAITS_FOR_ANSWER = 'waits for an answer: ';

/** The `message` of a call whose server has asked a person. */
export function waitsForAnswerText(messages: readonly string[]): string {
  return WAITS_FOR_ANSWER + shorten(messages.join(' · '), MAX_QUESTION);
}

/** Whether a call waits for a person, and not to be completed from outside. */
export function waitsForPerson({ state, message }: ActivitySnapshot): boolean {
  if (state !== 'waiting' || message === undefined) return false;
  return message === WAITS_FOR_APPROVAL || message.startsWith(WAITS_FOR_ANSWER);
}

/** The whole question is in `turn.approvals()`. */
const MAX_QUESTION = 500;

/** The states that are not outcomes. */
const OPEN: Readonly<Record<Exclude<ActivityState, OutcomeType>, true>> = {
  scheduled: true,
  waiting: true,
  running: true,
  retrying: true,
  paused: true,
  cancelling: true,
};

/** Also in a state that only a later version knows: it is an outcome. */
export function isSettled(state: ActivityState): state is OutcomeType {
  return !Object.hasOwn(OPEN, state);
}
