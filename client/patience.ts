import { setTimeout as sleep } from 'node:timers/promises';
import type { Client, WorkflowExecutionDescription } from '@temporalio/client';
import { optionalTsToMs } from '@temporalio/common/lib/time.js';
import proto from '@temporalio/proto';
import { TemporalUnavailableError, WorkerUnavailableError } from './errors.ts';
import { GRPC, grpcStatus, ranOutOfTime } from './temporal-errors.ts';

const { PendingActivityState, PendingWorkflowTaskState } = proto.temporal.api.enums.v1;

/** When to look first, and how often after that. */
const FIRST_LOOK_MS = 1_000;
const LOOK_MS = 2_000;
/** How long the server may take to answer. */
const ANSWER_MS = 2_000;
/** After how long waiting work is worth a warning. */
const WARN_AFTER_MS = 3_500;
/** How long a worker keeps a workflow task before the server gives it to another. */
const TASK_TIMEOUT_MS = 10_000;
/** How long a running activity may be silent. It reports after 80 % of its heartbeat timeout at the latest. */
const SILENCE_MS = 9_000;
/** How long before the heartbeat timeout a lost worker is worth a warning. */
const BEFORE_TIMEOUT_MS = 1_000;
/** How often to repeat a warning. */
const WARN_AGAIN_MS = 60_000;

export interface PatienceOptions {
  /** Called with what the caller is waiting for. */
  onWarning: (message: string) => void;
  /** After how many milliseconds waiting ends with an error. `undefined`: never. */
  workerTimeout: number | undefined;
}

/** Something that waits for a worker, or a server that does not answer. */
interface Wait {
  /** Stays the same as long as the same thing is waiting. */
  key: string;
  /** The queue in which to look for a worker; `undefined` for a server that does not answer. */
  taskQueue?: string;
  /** As in "the call refund". */
  what: string;
  /** Milliseconds before it is worth a warning. */
  allowed: number;
}

/**
 * Warns callers who would otherwise wait without knowing why: the server does not answer, or no worker takes
 * the work. There is no warning while a turn waits for a person or a running tool.
 */
export class Patience {
  private readonly client: Client;
  private readonly options: PatienceOptions;
  private readonly warnedAt = new Map<string, number>();

  constructor(client: Client, options: PatienceOptions) {
    this.client = client;
    this.options = options;
  }

  /** Settles like the work, or with an error after `workerTimeout`. The turn goes on. */
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

  /** Rejects after `workerTimeout`, and otherwise never settles. */
  private async look(turnId: string | undefined, signal: AbortSignal): Promise<never> {
    const { workerTimeout = Number.POSITIVE_INFINITY } = this.options;
    /** When each thing was first seen waiting, by this clock alone: clocks of two machines are not compared. */
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
      // The caller's own request gets every other error of the server, too.
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
    const message = `${messageOf(turnId, wait, waited)} The workerTimeout is up.`;
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

/** What in a turn waits for a worker now. */
function waitsOf({ raw, taskQueue }: WorkflowExecutionDescription): Wait[] {
  const { pendingWorkflowTask: task, pendingActivities } = raw;
  const waits: Wait[] = [];
  if (task) {
    const key = `task ${String(task.originalScheduledTime?.seconds)}`;
    // A worker has the task, and local calls may run within it.
    const isTaken = task.state === PendingWorkflowTaskState.PENDING_WORKFLOW_TASK_STATE_STARTED;
    const allowed = isTaken ? TASK_TIMEOUT_MS : WARN_AFTER_MS;
    waits.push({ key, taskQueue, what: 'its next step', allowed });
  }
  for (const activity of pendingActivities ?? []) {
    const { activityId, attempt, state, lastHeartbeatTime: beat, activityType } = activity;
    const isScheduled = state === PendingActivityState.PENDING_ACTIVITY_STATE_SCHEDULED;
    // Held back on purpose: paused, or waiting for its next attempt.
    if (activity.pauseInfo || activity.nextAttemptScheduleTime) continue;
    const key = `${activityId} ${attempt} ${state}`;
    const what = `the activity ${activityType?.name}`;
    const queue = activity.activityOptions?.taskQueue?.name ?? taskQueue;
    if (isScheduled) {
      waits.push({ key, taskQueue: queue, what, allowed: WARN_AFTER_MS });
    } else if (beat) {
      // Its worker reports while it runs, unless the worker is gone.
      const since = `${key} ${String(beat.seconds)} ${beat.nanos}`;
      const timeout = optionalTsToMs(activity.activityOptions?.heartbeatTimeout) ?? 0;
      const allowed = Math.max(SILENCE_MS, timeout - BEFORE_TIMEOUT_MS);
      waits.push({ key: since, taskQueue: queue, what, allowed });
    }
  }
  return waits;
}
