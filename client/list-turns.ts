import { defined } from '../core/json.ts';
import type { Client, WorkflowExecutionInfo } from '@temporalio/client';
import { TURN_WORKFLOW } from '../core/names.ts';
import {
  AGENT_ATTRIBUTE,
  NOT_STOPPED,
  STOP_REASON_ATTRIBUTE,
  USER_ATTRIBUTE,
} from '../core/search-attributes.ts';
import type { StopReason } from '../core/turn/stop-reason.ts';
import { listed } from './listed.ts';
import type { TurnStatus } from './follow/snapshot.ts';
import { keyword } from './visibility-query.ts';

/** A run that goes on in another one is left out of lists: its turn is the other one. */
export type ListedStatus = Exclude<TurnStatus, 'continuedAsNew'>;

export interface ListTurnsOptions {
  /** Name of the agent. @default any */
  agent?: string;
  /** The `user` of the start. @default any */
  user?: string;
  /** Why the turn ended; finds completed turns only. @default any, and none */
  stopReason?: StopReason;
  /** How the run stands. @default any */
  status?: ListedStatus;
}

export interface ListedTurn {
  turnId: string;
  /** Known where the turn was started by an `AgentClient`. */
  agent: string | undefined;
  /** Of the start; `undefined` also where the search attributes were not registered then. */
  user: string | undefined;
  status: ListedStatus;
  /** Of a completed turn that was started with search attributes. */
  stopReason?: StopReason;
  startTime: Date;
  closeTime?: Date;
}

/** What Temporal's lists call it. */
const STATUS_NAMES: Record<ListedStatus, string> = {
  running: 'Running',
  completed: 'Completed',
  failed: 'Failed',
  cancelled: 'Canceled',
  terminated: 'Terminated',
  timedOut: 'TimedOut',
};

/** The turns of the namespace, those of sessions included. */
export async function* listTurns(
  client: Client,
  { agent, user, stopReason, status }: ListTurnsOptions,
): AsyncGenerator<ListedTurn, void, undefined> {
  const wanted = [
    ...keyword(AGENT_ATTRIBUTE, agent),
    ...keyword(USER_ATTRIBUTE, user),
    ...keyword(STOP_REASON_ATTRIBUTE, stopReason),
  ];
  const executionStatus = status === undefined ? undefined : STATUS_NAMES[status];
  for await (const run of listed(client, TURN_WORKFLOW, wanted, executionStatus)) {
    yield listedTurn(run);
  }
}

function listedTurn(run: WorkflowExecutionInfo): ListedTurn {
  const { workflowId: turnId, memo, startTime, closeTime, typedSearchAttributes } = run;
  const agent = typedSearchAttributes.get(AGENT_ATTRIBUTE) ?? memo?.['agent'];
  const stopReason = typedSearchAttributes.get(STOP_REASON_ATTRIBUTE);
  return {
    turnId,
    agent: typeof agent === 'string' ? agent : undefined,
    user: typedSearchAttributes.get(USER_ATTRIBUTE),
    status: statusOf(run),
    ...(stopReason === undefined || stopReason === NOT_STOPPED
      ? {}
      : { stopReason: stopReason as StopReason }),
    startTime,
    ...defined({ closeTime }),
  };
}

function statusOf({ status: { name } }: WorkflowExecutionInfo): ListedStatus {
  switch (name) {
    case 'COMPLETED':
      return 'completed';
    case 'FAILED':
      return 'failed';
    case 'CANCELLED':
      return 'cancelled';
    case 'TERMINATED':
      return 'terminated';
    case 'TIMED_OUT':
      return 'timedOut';
    default:
      return 'running';
  }
}
