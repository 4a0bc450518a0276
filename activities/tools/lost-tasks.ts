import type { Context } from '@temporalio/activity';
import { ApplicationFailure, ApplicationFailureCategory } from '@temporalio/common';
import { LRUCache } from 'lru-cache';
import { TASK_WAS_LOST_BEFORE } from '../../core/calls/texts.ts';
import { TASK_LOST } from '../../core/failures.ts';

/** A server that needs longer is too busy for this question. */
const ANSWER_MS = 1_000;

/** More runs than a worker has at a time. */
const MAX_RUNS = 2_000;

/**
 * Says whether a run's workflow task was already lost with a worker, which the run itself cannot know. A
 * local call may be the cause, and would then take down every worker that gets the task. Asked once for each
 * run.
 */
export class LostTasks {
  private readonly runs = new LRUCache<string, Promise<boolean>>({ max: MAX_RUNS });

  /** Throws for a local call that must go on as an activity, where its losses are counted. */
  async reject(activity: Context): Promise<void> {
    const { runId } = activity.info.workflowExecution ?? {};
    if (runId === undefined) return;
    const asked = this.runs.get(runId) ?? wasTriedBefore(activity);
    this.runs.set(runId, asked);
    if (!(await asked)) return;
    throw ApplicationFailure.create({
      message: TASK_WAS_LOST_BEFORE,
      type: TASK_LOST,
      category: ApplicationFailureCategory.BENIGN,
    });
  }
}

/**
 * The server starts to count with the first loss outside of a sticky queue, so it may show only the second
 * loss. Where it does not answer, the call runs: most tasks are not lost.
 */
async function wasTriedBefore({ client, info }: Context): Promise<boolean> {
  const execution = info.workflowExecution ?? null;
  const { namespace } = client.options;
  try {
    const { pendingWorkflowTask } = await client.connection.withDeadline(
      Date.now() + ANSWER_MS,
      () => client.workflowService.describeWorkflowExecution({ namespace, execution }),
    );
    return (pendingWorkflowTask?.attempt ?? 1) > 1;
  } catch {
    return false;
  }
}
