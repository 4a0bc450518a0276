import type { Client, WorkflowExecutionDescription } from '@temporalio/client';
import { optionalTsToMs } from '@temporalio/common/lib/time.js';
import { defined } from '../../core/json.ts';
import { TurnNotFoundError } from '../errors.ts';
import { inOrder } from '../in-order.ts';
import { aboutTurn } from '../temporal-errors.ts';
import { turnSnapshot } from './build-snapshot.ts';
import type { TurnRecord } from './build-waterfall.ts';
import { pendingActivities } from './description.ts';
import type { TurnEvent } from './events.ts';
import { readEvent } from './events.ts';
import { ofTurn } from './feed.ts';
import { HistoryReader, turnRuns } from './history.ts';
import { begunIn } from './sub-agents.ts';
import type { WorkflowTask } from './waterfall.ts';

/** Reads a turn and its sub-agents' turns at all levels. Throws the same errors as `readTurn`. */
export async function readTurnTree(client: Client, turnId: string): Promise<TurnRecord> {
  const record = await readTurn(client, turnId);
  const begun = begunIn(turnSnapshot(turnId, record.events, record.pending));
  const subTurns = new Map<string, TurnRecord>();
  for await (const one of inOrder(begun, ({ subAgent }) => readIfThere(client, subAgent.turnId))) {
    if (one !== undefined) subTurns.set(one.turnId, one);
  }
  return { ...record, subTurns };
}

/** `undefined` if its history is gone: then the calling turn says how it ended. */
async function readIfThere(client: Client, turnId: string): Promise<TurnRecord | undefined> {
  try {
    return await readTurnTree(client, turnId);
  } catch (error) {
    if (error instanceof TurnNotFoundError) return undefined;
    throw error;
  }
}

/**
 * Reads a turn through all of its runs, up to now, without waiting and without a worker.
 *
 * Throws a `TurnNotFoundError`, a `TemporalUnavailableError`.
 */
export async function readTurn(client: Client, turnId: string): Promise<TurnRecord> {
  return await aboutTurn(turnId, client.options.namespace, async () => {
    const converter = client.options.loadedDataConverter;
    // Describe before reading history, so that history has the end of everything that ends in between.
    const description = await client.workflow.getHandle(turnId).describe();
    const pending = await pendingActivities(description.raw, converter);
    const runs = await turnRuns(client.workflow, turnId);
    const events: TurnEvent[] = [];
    for (const [i, runId] of runs.entries()) {
      const { historySize } = await client.workflow.getHandle(turnId, runId).describe();
      const options = { historySize, waits: false };
      const history = new HistoryReader(client, { workflowId: turnId, runId }, options);
      while (!history.ended) {
        const page = await history.readPage(undefined);
        const read = await Promise.all(page.map((event) => readEvent(event, converter)));
        for (const event of read) {
          if (event !== undefined) events.push(...ofTurn(event, runId, runs[i + 1]));
        }
      }
    }
    const workflowTask = pendingTask(description);
    return { turnId, events, pending, now: Date.now(), ...defined({ workflowTask }) };
  });
}

// temporal.api.enums.v1.PendingWorkflowTaskState
const STARTED = 2;

function pendingTask({ raw }: WorkflowExecutionDescription): WorkflowTask | undefined {
  const task = raw.pendingWorkflowTask;
  const scheduledAt = optionalTsToMs(task?.originalScheduledTime ?? task?.scheduledTime);
  if (task === null || task === undefined || scheduledAt === undefined) return undefined;
  return { scheduledAt, attempt: task.attempt ?? 1, isStarted: Number(task.state) === STARTED };
}
