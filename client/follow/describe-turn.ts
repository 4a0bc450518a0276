import type { Client, WorkflowExecutionDescription } from '@temporalio/client';
import { defined } from '../../core/json.ts';
import { CALL_MODEL, TOOL_NAME_PATTERN } from '../../core/names.ts';
import { findWorkflow } from '../find-workflow.ts';
import type { PendingActivity } from './description.ts';
import { pendingActivities } from './description.ts';
import { waitsForPerson } from './snapshot.ts';
import { watchTurn } from './watch.ts';

/** A call that has been scheduled and has not ended. Its `id` is the `tool_use` id. */
export interface PendingCall extends Omit<
  PendingActivity,
  'type' | 'startedAt' | 'startedEarlyAt' | 'lastEndedAt' | 'nextAttemptAt' | 'worker'
> {
  name: string;
}

/** A call that waits for a person. Its `id` is the `tool_use` id. */
export interface CallInWait {
  id: string;
  name: string;
  /** The short arguments. */
  summary: string;
  /** The round whose reply asked for it, from 1. */
  round: number;
  /** What it waits for. */
  message: string;
  /** When the reply asked for it. */
  since: Date;
}

/** The state of a turn, as `describe` reads it. */
export interface TurnDescription {
  turnId: string;
  /** Known where the turn was started by an `AgentClient`. */
  agent: string | undefined;
  /** Temporal's name for the status: `RUNNING`, `COMPLETED`, `FAILED`, `TERMINATED`, … */
  status: string;
  startTime: Date;
  closeTime?: Date;
  /** The attempt of the model request that the turn waits for, where it waits for one. */
  modelAttempt?: number;
  pendingCalls: PendingCall[];
  /** The calls that wait for a person. `turn.approvals()` has their inputs. */
  waitingCalls: CallInWait[];
  /** Events in the history of the newest run. */
  historyEvents: number;
  /** Size of the same history. `undefined` where the server does not say. */
  historyBytes: number | undefined;
}

export async function describeTurn(client: Client, turnId: string): Promise<TurnDescription> {
  const description = await client.workflow.getHandle(turnId).describe();
  const pending = await pendingActivities(description.raw, client.options.loadedDataConverter);
  const agent = description.memo?.['agent'];
  return {
    turnId: description.workflowId,
    agent: typeof agent === 'string' ? agent : undefined,
    status: description.status.name,
    startTime: await startOf(client, description),
    ...defined({
      closeTime: description.closeTime,
      modelAttempt: pending.find(({ type }) => type === CALL_MODEL)?.attempt,
    }),
    pendingCalls: pending.filter(({ type }) => TOOL_NAME_PATTERN.test(type)).map(pendingCall),
    waitingCalls: anyWaits(description) ? await callsInWait(client, turnId) : [],
    historyEvents: description.historyLength,
    historyBytes: description.historySize,
  };
}

/** When the turn's first run started; the newest run's time where the first one's retention is over. */
async function startOf(
  client: Client,
  { workflowId, runId, startTime, raw }: WorkflowExecutionDescription,
): Promise<Date> {
  const firstRunId = raw.workflowExecutionInfo?.firstRunId;
  if (!firstRunId || firstRunId === runId) return startTime;
  const first = await findWorkflow(client.workflow, workflowId, firstRunId);
  return first?.startTime ?? startTime;
}

/** The workflow counts them in its memo, so the history of other turns does not have to be read. */
function anyWaits({ status, memo }: WorkflowExecutionDescription): boolean {
  return status.name === 'RUNNING' && Number(memo?.['approvals']) > 0;
}

/** From history, which the server has: a Query would need a worker. */
async function callsInWait(client: Client, turnId: string): Promise<CallInWait[]> {
  for await (const { rounds } of watchTurn(client, turnId)) {
    return rounds.flatMap(({ round, calls }) =>
      calls.filter(waitsForPerson).map(({ id, name, summary, message = '', start = 0 }) => ({
        id,
        name,
        summary,
        round,
        message,
        since: new Date(start),
      })),
    );
  }
  return [];
}

function pendingCall(activity: PendingActivity): PendingCall {
  const { id, type, attempt, state, lastFailure } = activity;
  return { id, name: type, attempt, state, ...defined({ lastFailure }) };
}
