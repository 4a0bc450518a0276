import { membersOf } from '../../core/json.ts';
import type { TurnTiming } from '../../core/turn/timing.ts';
import type { StopReason } from '../../core/turn/stop-reason.ts';
import type { CallApproval, TurnStatus } from './events.ts';
import type { ActivityState } from './snapshot.ts';

/** What a row was doing. Times are in milliseconds since the epoch, by the server's clock. */
export interface Bar {
  type: BarType;
  start: number;
  /** Of a bar that goes on, the moment at which the turn was looked at. */
  end: number;
  /** Of an attempt, its number, from 1. */
  attempt?: number;
  /** The attempt failed, and there was another or may be one. */
  failed?: true;
  /** The server does not keep when it was: it is placed by what is known of the attempts around it. */
  estimated?: true;
}

/**
 * - `approval`: a person had to decide
 * - `conflict`: earlier calls that touch the same thing came first
 * - `limit`: the limits on calls that run at once left no room
 * - `queue`: it was scheduled, and no worker had taken it
 * - `backoff`: an attempt had failed, and the next one was not due
 * - `outside`: somebody else had to complete it
 * - `early`: its tool ran while the reply that asks for it was still coming
 * - `attempt`: an attempt ran; of a model request, before the first token
 * - `reply`: the model's reply came
 */
export type BarType = Wait | 'early' | 'attempt' | 'reply';

export type Wait = 'approval' | 'conflict' | 'limit' | 'queue' | 'backoff' | 'outside';

export const WAITS = membersOf<Wait>({
  approval: true,
  conflict: true,
  limit: true,
  queue: true,
  backoff: true,
  outside: true,
});

/** A model request, or a call, on the time axis of its turn. */
export interface Row {
  type: 'model' | 'call';
  /** Of a call, its `tool_use` id. */
  id: string;
  round: number;
  name: string;
  /** The short arguments. */
  summary: string;
  state: ActivityState;
  /** Attempts so far. */
  attempts: number;
  /** In their order, one behind the other. */
  bars: Bar[];
  /** Why it did not succeed, why its last attempt failed, or what it waits for. */
  message?: string;
  /** Why the attempt before the last one failed. */
  lastFailure?: string;
  /** What was decided about it, where a person was asked. */
  approval?: CallApproval;
  /** How often its worker was lost. */
  lostWorkers?: number;
  /** The turn has waited for it, or waits for it now. */
  critical?: true;
  /** Of one that has not ended. */
  open?: OpenActivity;
  /** Of a call that another agent answers, the turn of that. Absent where its history is gone. */
  turn?: SubTurn;
  /** Of a model request, the calls of its reply; of a call that is a turn of its own, the rows of that. */
  children: Row[];
}

/** What is known of an activity that has not ended. */
export interface OpenActivity {
  taskQueue: string;
  /** Most attempts; 0 where there is no limit. */
  maximumAttempts: number;
  /** How long one attempt may take, in milliseconds; 0 where there is no limit. */
  startToCloseTimeout: number;
  /** When the next attempt is due; milliseconds since the epoch. */
  nextAttemptAt?: number;
  /** The identity of the worker that has it, or had it last. */
  worker?: string;
}

/** The turn of a sub-agent. Its rows are the children of its call. */
export type SubTurn = Omit<Waterfall, 'rows'>;

/** The next step of a workflow itself, which a worker has to take. */
export interface WorkflowTask {
  /** Milliseconds since the epoch. */
  scheduledAt: number;
  /** From 1: above that, workers have failed to take it. */
  attempt: number;
  /** A worker has it. */
  isStarted: boolean;
}

/** A turn on one time axis. JSON. */
export interface Waterfall {
  turnId: string;
  /** `undefined` where the turn's arguments cannot be read here. */
  agent: string | undefined;
  /** The first words of what it was asked. */
  asked?: string;
  status: TurnStatus;
  stopReason?: StopReason;
  /** More about the stop reason, where that is a text. */
  stopDetails?: string;
  /** Why the turn failed or was terminated. */
  message?: string;
  /** The task queue of its workflow. */
  taskQueue: string;
  /** While it runs, the step that it waits for a worker to take. */
  workflowTask?: WorkflowTask;
  /** Since when workers fail to take that step (milliseconds since the epoch), and why. */
  blocked?: { since: number; message: string };
  /** Milliseconds since the epoch. */
  start: number;
  /** When it ended, or was looked at; milliseconds since the epoch. */
  end: number;
  /** One for each model request, with the calls of its reply below it. */
  rows: Row[];
  timing: TurnTiming;
  /** How long its rows and those of its sub-agents waited, in milliseconds: a sum, also of those that waited together. */
  waits: Record<Wait, number>;
}

/** All rows, each before its children. */
export function allRows(rows: readonly Row[]): Row[] {
  return rows.flatMap((row) => [row, ...allRows(row.children)]);
}

/** The model requests and calls of the turn itself. */
export function ownRows({ rows }: Waterfall): Row[] {
  return rows.flatMap((row) => [row, ...row.children]);
}

/** The turn, and those of its sub-agents at any level. */
export function allTurns(turn: Waterfall): Waterfall[] {
  return [turn, ...ownRows(turn).flatMap((row) => subTurnsOf(row).flatMap(allTurns))];
}

/** The turn that a call runs, with its rows; none where it is not known. */
export function subTurnsOf({ turn, children }: Row): Waterfall[] {
  return turn === undefined ? [] : [{ ...turn, rows: children }];
}

/** From the beginning of its first attempt on, or of its waiting where there was none; in milliseconds. */
export function tookOf({ bars }: Row): number | undefined {
  const first = bars.find(({ type }) => isWork(type)) ?? bars[0];
  const last = bars.at(-1);
  return first === undefined || last === undefined ? undefined : last.end - first.start;
}

export function isWork(type: BarType): type is Exclude<BarType, Wait> {
  return type === 'attempt' || type === 'early' || type === 'reply';
}
