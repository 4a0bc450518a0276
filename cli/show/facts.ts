import type { Client, WorkflowExecutionDescription } from '@temporalio/client';
import { optionalTsToMs } from '@temporalio/common/lib/time.js';
import { turnWaterfall } from '../../client/follow/build-waterfall.ts';
import { readTurn } from '../../client/follow/read-turn.ts';
import type { Waterfall } from '../../client/follow/waterfall.ts';
import { allRows } from '../../client/follow/waterfall.ts';
import { defined } from '../../core/json.ts';
import type { ApprovalRequest } from '../../core/turn/protocol.ts';
import type { Usage } from '../../core/turn/usage.ts';
import { isServed } from '../task-queue.ts';
import { spentBy, waitingRequests } from '../turn-answers.ts';

/** All that is known of a turn at one moment. JSON. */
export interface TurnFacts {
  turn: Waterfall;
  usage?: Usage;
  costUSD?: number;
  /** The step of the workflow itself that a worker has to take, while it waits for one or fails. */
  workflowTask?: WorkflowTask;
  /** Task queues that something waits in and no worker polls. */
  unserved: UnservedQueue[];
  /** The calls that wait for a person; none where no worker answers. */
  approvals: ApprovalRequest[];
}

export interface WorkflowTask {
  /** Milliseconds since the epoch. */
  scheduledAt: number;
  /** From 1: above that, workers have failed to take it. */
  attempt: number;
  /** A worker has it. */
  isStarted: boolean;
}

export interface UnservedQueue {
  name: string;
  kind: 'workflows' | 'activities';
}

/** Reads a turn with all that is needed to say what is the matter with it. No worker is needed. */
export async function factsOf(client: Client, turnId: string): Promise<TurnFacts> {
  const { record, description } = await readTurn(client, turnId);
  const turn = turnWaterfall(record);
  const workflowTask = turn.status === 'running' ? pendingTask(description) : undefined;
  const waits = allRows(turn.rows).some(({ state }) => state === 'waiting');
  const [spent, approvals = [], unserved] = await Promise.all([
    spentBy(client, turnId, turn.status),
    waits ? waitingRequests(client, turnId) : [],
    unservedQueues(client, turn, workflowTask),
  ]);
  const { usage, costUSD } = spent ?? {};
  return { turn, ...defined({ usage, costUSD, workflowTask }), unserved, approvals };
}

// temporal.api.enums.v1.PendingWorkflowTaskState
const STARTED = 2;

function pendingTask({ raw }: WorkflowExecutionDescription): WorkflowTask | undefined {
  const task = raw.pendingWorkflowTask;
  const scheduledAt = optionalTsToMs(task?.originalScheduledTime ?? task?.scheduledTime);
  if (task === null || task === undefined || scheduledAt === undefined) return undefined;
  return { scheduledAt, attempt: task.attempt ?? 1, isStarted: Number(task.state) === STARTED };
}

async function unservedQueues(
  client: Client,
  turn: Waterfall,
  task: WorkflowTask | undefined,
): Promise<UnservedQueue[]> {
  if (turn.status !== 'running') return [];
  const waiting = allRows(turn.rows).flatMap(({ open, segments }) =>
    open !== undefined && segments.at(-1)?.type === 'queue' ? open.taskQueue : [],
  );
  const queues: UnservedQueue[] = [
    ...(task?.isStarted === false ? [{ name: turn.taskQueue, kind: 'workflows' as const }] : []),
    ...[...new Set(waiting)].map((name) => ({ name, kind: 'activities' as const })),
  ];
  const served = await Promise.all(
    // Not every client may describe a queue.
    queues.map(({ name, kind }) => isServed(client, name, kind).catch(() => true)),
  );
  return queues.filter((_, i) => served[i] === false);
}
