import { setTimeout as sleep } from 'node:timers/promises';
import type { Client, WorkflowExecutionDescription } from '@temporalio/client';
import { optionalTsToMs } from '@temporalio/common/lib/time.js';
import proto from '@temporalio/proto';
import { TemporalUnavailableError, WorkerUnavailableError } from './errors.ts';
import { GRPC, grpcStatus, ranOutOfTime } from './temporal-errors.ts';

const { PendingActivityState, PendingWorkflowTaskState } = proto.temporal.api.enums.v1;

/** When to look for the first time, and how often then. */
const FIRST_LOOK_MS = 1_000;
const LOOK_MS = 2_000;
/** How long the server may take to answer a look. */
const ANSWER_MS = 2_000;
/** How long work may wait before that is worth a warning. */
const WARN_AFTER_MS = 3_500;
/** How long a worker has a workflow task before the server gives it to another. */
const TASK_TIMEOUT_MS = 10_000;
/** How long a running activity may be silent: it reports at the latest after 80 % of its heartbeat timeout. */
const SILENCE_MS = 9_000;
/** So much later, before its heartbeat timeout, a lost worker is worth a warning. */
const BEFORE_TIMEOUT_MS = 1_000;
/** How often to repeat a warning. */
const WARN_AGAIN_MS = 60_000;

export interface PatienceOptions {
  /** Called with what is waited for. */
  onWarning: (message: string) => void;
  /** Milliseconds after which waiting ends with an error. `undefined`: never. */
  workerTimeout: number | undefined;
}

/** Something that waits for a worker, or the server that does not answer. */
interface Wait {
  /** The same for as long as the same thing is waited for. */
  key: string;
  /** Where to look for a worker; `undefined` for a server that does not answer. */
  taskQueue?: string;
  /** As in "the call refund". */
  what: string;
  /** Milliseconds before it is worth a warning. */
  allowed: number;
}

/**
 * Says what a caller waits for who would otherwise wait without a word: a server that does not answer, or
 * work that no worker takes. A turn that waits for a person or for a tool that runs is not a reason.
 */
export class Patience {
  private readonly client: Client;
  private readonly options: PatienceOptions;
  private readonly warnedAt = new Map<string, number>();

  constructor(client: Client, options: PatienceOptions) {
    this.client = client;
    this.options = options;
  }

  /** Settles like the work, or with an error where `workerTimeout` is reached. The turn goes on. */
  async over<T>(turnId: string | undefined, work: Promise<T>): Promise<T> {
    const settled = new AbortController();
    const givenUp = this.look(turnId, settled.signal);
    try {
      return await Promise.race([work, givenUp]);
    } finally {
      settled.abort();
      work.catch(() => undefined);
    }
  }

  /** Rejects where `workerTimeout` is reached, and otherwise never settles. */
  private async look(turnId: string | undefined, signal: AbortSignal): Promise<never> {
    const { workerTimeout = Number.POSITIVE_INFINITY } = this.options;
    /** Since when the same thing is seen to wait. Clocks of two machines are not compared. */
    let since = new Map<string, number>();
    for (let pause = FIRST_LOOK_MS; ; pause = LOOK_MS) {
      try {
        await sleep(Math.min(pause, workerTimeout), undefined, { signal, ref: false });
      } catch {
        return await new Promise<never>(() => undefined);
      }
      const lookedAt = performance.now();
      const waits = await this.waits(turnId);
      since = new Map(waits.map(({ key }) => [key, since.get(key) ?? lookedAt]));
      for (const wait of waits) {
        const waited = performance.now() - (since.get(wait.key) ?? lookedAt);
        if (waited >= Math.max(workerTimeout, wait.allowed)) throw this.error(turnId, wait, waited);
        if (waited >= wait.allowed && !signal.aborted) this.warn(turnId, wait, waited);
      }
    }
  }

  private async waits(turnId: string | undefined): Promise<Wait[]> {
    const { client } = this;
    try {
      const description = await client.withDeadline(Date.now() + ANSWER_MS, async () => {
        if (turnId !== undefined) return await client.workflow.getHandle(turnId).describe();
        await client.workflowService.getSystemInfo({});
        return undefined;
      });
      return description === undefined ? [] : waitsOf(description);
    } catch (error) {
      // Whatever else the server says about the turn, the caller's own request gets it too.
      if (!isAway(error)) return [];
      return [{ key: 'server', what: 'the Temporal server', allowed: 0 }];
    }
  }

  private warn(turnId: string | undefined, wait: Wait, waited: number): void {
    const place = wait.taskQueue ?? wait.key;
    const now = performance.now();
    if (now - (this.warnedAt.get(place) ?? Number.NEGATIVE_INFINITY) < WARN_AGAIN_MS) return;
    this.warnedAt.set(place, now);
    this.options.onWarning(messageOf(turnId, wait, waited));
  }

  private error(turnId: string | undefined, wait: Wait, waited: number): Error {
    const message = `${messageOf(turnId, wait, waited)} This is the workerTimeout.`;
    return wait.taskQueue === undefined
      ? new TemporalUnavailableError(message)
      : new WorkerUnavailableError(turnId === undefined ? [] : [turnId], message);
  }
}

function isAway(error: unknown): boolean {
  return ranOutOfTime(error) || grpcStatus(error)?.code === GRPC.unavailable;
}

function messageOf(turnId: string | undefined, { taskQueue, what }: Wait, waited: number): string {
  const about = turnId === undefined ? 'The start of a turn' : `Turn ${turnId}`;
  if (taskQueue === undefined) {
    return `${about} waits: the Temporal server does not answer. Nothing is lost; it goes on when the server is back.`;
  }
  const seconds = Math.max(1, Math.round(waited / 1_000));
  return `${about} waits for a worker: none has taken ${what} for ${seconds} s. Check that one runs on task queue ${taskQueue}. Nothing is lost; the turn goes on when a worker is there.`;
}

/** What of a turn waits for a worker now. */
function waitsOf({ raw, taskQueue }: WorkflowExecutionDescription): Wait[] {
  const { pendingWorkflowTask: task, pendingActivities } = raw;
  const waits: Wait[] = [];
  if (task) {
    const key = `task ${String(task.originalScheduledTime?.seconds)}`;
    // Calls may run within it.
    const isTaken = task.state === PendingWorkflowTaskState.PENDING_WORKFLOW_TASK_STATE_STARTED;
    const allowed = isTaken ? TASK_TIMEOUT_MS : WARN_AFTER_MS;
    waits.push({ key, taskQueue, what: 'its next step', allowed });
  }
  for (const activity of pendingActivities ?? []) {
    const { activityId, attempt, state, lastHeartbeatTime: beat, activityType } = activity;
    const isScheduled = state === PendingActivityState.PENDING_ACTIVITY_STATE_SCHEDULED;
    // Held back on purpose: by somebody, or until the next attempt.
    if (activity.pauseInfo || activity.nextAttemptScheduleTime) continue;
    const key = `${activityId} ${attempt} ${state}`;
    const what = `the activity ${activityType?.name}`;
    const queue = activity.activityOptions?.taskQueue?.name ?? taskQueue;
    if (isScheduled) {
      waits.push({ key, taskQueue: queue, what, allowed: WARN_AFTER_MS });
    } else if (beat) {
      // Its worker reports while it runs, unless it has gone.
      const since = `${key} ${String(beat.seconds)} ${beat.nanos}`;
      const timeout = optionalTsToMs(activity.activityOptions?.heartbeatTimeout) ?? 0;
      const allowed = Math.max(SILENCE_MS, timeout - BEFORE_TIMEOUT_MS);
      waits.push({ key: since, taskQueue: queue, what, allowed });
    }
  }
  return waits;
}
