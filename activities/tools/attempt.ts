import type { Context } from '@temporalio/activity';
import {
  ActivityCancelledError,
  ActivityPausedError,
  ActivityResetError,
} from '@temporalio/client';
import { ApplicationFailure, CancelledFailure } from '@temporalio/common';
import {
  interruptedText,
  MAY_HAVE_HAPPENED,
  STOPPED_BY_OPERATOR,
  timedOutText,
  WORKER_SHUT_DOWN,
} from '../../core/calls/texts.ts';
import { MAX_TIMER } from '../../core/duration.ts';
import type { EarlierAttempts, LocalCall } from '../../core/calls/tool-call.ts';
import type { AttemptReport, HeartbeatRecord } from '../../core/failures.ts';
import {
  heartbeatRecord,
  OUTCOME_UNKNOWN,
  TOOL_TIMED_OUT,
  WORKER_SHUTDOWN,
} from '../../core/failures.ts';
import { defined, jsonBytes } from '../../core/json.ts';
import type { Heartbeats } from '../heartbeat.ts';
import { keepAlive } from '../heartbeat.ts';
import type { Secrets } from '../model/secrets.ts';
import { redactJson } from './redact.ts';
import { toData } from './to-data.ts';

/** How long a tool may take to stop after its signal aborted, before it is abandoned. */
export const STOP_GRACE_MS = 5_000;

/** A tool that did not stop when it should have, and still runs although its call has ended. */
export interface AbandonedTool {
  tool: string;
  callId: string;
}

/** The times of a tool that began before its attempt did, in milliseconds since the epoch. */
interface BegunEarly {
  readonly startedAt: number;
  /** `undefined` while it runs. */
  readonly endedAt: number | undefined;
}

interface AttemptOptions {
  repeatable: boolean;
  abandoned: Set<AbandonedTool>;
  secrets: Secrets;
  before: EarlierAttempts | undefined;
  early: BegunEarly | undefined;
  /** Set where the call runs within its workflow task, which has no heartbeats. */
  local: LocalCall | undefined;
}

/**
 * Call once, right before `run`. Rejects when the tool may not begin. A tool that still runs after its call
 * has ended is in `abandoned` until it stops.
 */
export async function beginAttempt(
  activity: Context,
  options: AttemptOptions,
): Promise<ToolAttempt> {
  const { repeatable, before, early } = options;
  const startedAt = Date.now();
  const earlier = heartbeatRecord(activity.info.heartbeatDetails);
  const record: HeartbeatRecord = {
    // Count the attempts of activities that were lost with a worker too.
    attempt: activity.info.attempt + (before?.attempts ?? 0),
    begun: true,
    ...defined({ startedEarlyAt: early?.startedAt }),
    details: earlier?.details ?? before?.details,
  };
  if (!repeatable) {
    // Pause, reset and unpause in the Temporal UI start another attempt whatever the retry policy says.
    if (earlier !== undefined) {
      throw unknownOutcome(interruptedText(earlier.attempt), {
        attempt: earlier.attempt,
        startedAt,
        endedAt: startedAt,
      });
    }
    // Before the tool begins, not beside it: if this worker dies, only a mark on the server is left.
    await mark(activity, record);
  }
  return new ToolAttempt(activity, options, { startedAt, record });
}

/**
 * One attempt of a tool call. It decides two things that Temporal cannot know: whether `run` may begin at
 * all, and whether an interrupted attempt may be repeated.
 */
export class ToolAttempt {
  /** Details that an earlier attempt recorded. */
  readonly heartbeatDetails: unknown;
  private readonly activity: Context;
  private readonly options: AttemptOptions;
  private readonly startedAt: number;
  private readonly timeLimit: number;
  private readonly deadline: NodeJS.Timeout | undefined;
  private readonly heartbeats: Heartbeats;
  private record: HeartbeatRecord;
  private isOverdue = false;
  private stopped: AbortController | undefined;
  /** Gives a running tool a moment to stop. */
  private stopTool: (() => void) | undefined;

  constructor(
    activity: Context,
    options: AttemptOptions,
    { startedAt, record }: { startedAt: number; record: HeartbeatRecord },
  ) {
    this.activity = activity;
    this.options = options;
    this.startedAt = startedAt;
    this.record = record;
    this.heartbeatDetails = record.details;
    this.timeLimit = options.local?.timeLimit ?? activity.info.startToCloseTimeoutMs;
    // For longer limits the server's own timeout has to do.
    if (this.timeLimit <= MAX_TIMER) {
      this.deadline = setTimeout(() => {
        this.isOverdue = true;
        this.onStop();
      }, this.timeLimit);
    }
    activity.cancellationSignal.addEventListener('abort', this.onStop);
    this.heartbeats = keepAlive(activity, 'call', () => this.record);
  }

  get signal(): AbortSignal {
    // Made on first use: most tools are done before anything would abort them.
    this.stopped ??= new AbortController();
    if (this.isStopped) this.onStop();
    return this.stopped.signal;
  }

  heartbeat(details: unknown): void {
    const { secrets, local } = this.options;
    this.record = { ...this.record, details: redactJson(detailsOf(details), secrets.redactOwn) };
    if (local === undefined) this.heartbeats.beat();
  }

  report(): AttemptReport {
    const { early, local } = this.options;
    const endedAt = early === undefined ? Date.now() : (early.endedAt ?? Date.now());
    return {
      attempt: this.record.attempt,
      startedAt: early?.startedAt ?? this.startedAt,
      endedAt,
      ...(early === undefined ? {} : { startedEarly: true }),
      ...(local === undefined ? {} : { local: { callId: local.callId } }),
    };
  }

  /** Adds to a failure what the next attempt needs to know. `retryDelay` is in milliseconds. */
  failureReport(retryDelay?: number): AttemptReport {
    const { local } = this.options;
    if (local === undefined) return this.report();
    const { details } = this.record;
    return {
      ...this.report(),
      local: { callId: local.callId, ...defined({ retryDelay, details }) },
    };
  }

  /** Runs the tool; rejects with the reason when it was interrupted and did not stop in time. */
  race<T>(work: Promise<T>): Promise<T> {
    const { abandoned, local } = this.options;
    const { activityType, activityId } = this.activity.info;
    const call: AbandonedTool = {
      tool: local?.tool ?? activityType,
      callId: local?.callId ?? activityId,
    };
    return new Promise((resolve, reject) => {
      let runs = true;
      const ended = () => {
        runs = false;
        abandoned.delete(call);
      };
      this.stopTool = () => {
        setTimeout(() => {
          if (runs) abandoned.add(call);
          reject(new Error('did not stop'));
        }, STOP_GRACE_MS).unref();
      };
      work.finally(ended).then(resolve, reject);
      if (this.isStopped) this.stopTool();
    });
  }

  /** The failure with which an interrupted attempt must end, or `undefined` if it was not. */
  interruption(): Error | undefined {
    if (!this.isStopped) return undefined;
    const { activity, record, timeLimit } = this;
    const report = this.failureReport();
    return interruptionOf(activity, this.options.repeatable, { report, record, timeLimit });
  }

  end(): void {
    clearTimeout(this.deadline);
    this.activity.cancellationSignal.removeEventListener('abort', this.onStop);
    this.heartbeats.stop();
  }

  private get isStopped(): boolean {
    return this.isOverdue || this.activity.cancellationSignal.aborted;
  }

  private readonly onStop = (): void => {
    const { reason } = this.activity.cancellationSignal as { reason: unknown };
    this.stopped?.abort(this.isOverdue ? new Error('startToCloseTimeout') : reason);
    this.stopTool?.();
  };
}

const MAX_DETAILS_BYTES = 1_000_000;

/**
 * As plain data: JSON would turn a Map into `{}`, and the next attempt would start from nothing. Throws here,
 * where the tool's author sees it: later it would cancel the call without a reason.
 */
export function detailsOf(given: unknown): unknown {
  if (given === undefined) return undefined;
  const details = toData(given, 'heartbeat details');
  const bytes = jsonBytes(details);
  if (bytes <= MAX_DETAILS_BYTES) return details;
  throw new RangeError(
    `heartbeat details must have at most ${MAX_DETAILS_BYTES} bytes; got ${bytes}`,
  );
}

async function mark(activity: Context, record: HeartbeatRecord): Promise<void> {
  try {
    await activity.client.activity.heartbeat(activity.info.taskToken, record);
  } catch (error) {
    const stopped = [ActivityCancelledError, ActivityPausedError, ActivityResetError];
    if (stopped.some((kind) => error instanceof kind)) {
      // The call was stopped before it began. The worker learns the reason from the answer to its own
      // heartbeat, and the SDK reports it.
      activity.heartbeat();
      await activity.cancelled;
    }
    throw error;
  }
}

/** The failure of an interrupted attempt: it depends on what interrupted it. */
function interruptionOf(
  activity: Context,
  repeatable: boolean,
  {
    report,
    record,
    timeLimit,
  }: { report: AttemptReport; record: HeartbeatRecord; timeLimit: number },
): Error {
  const { cancellationSignal, cancellationDetails } = activity;
  if (!cancellationSignal.aborted) {
    // Uses its own clock: the server's timeout may come a second late, and cannot carry a report.
    return ApplicationFailure.create({
      message: timedOutText(limitsOf(activity, timeLimit), repeatable),
      type: TOOL_TIMED_OUT,
      nonRetryable: !repeatable,
      details: [report],
    });
  }
  const reason = (cancellationSignal.reason as Error).message;
  if (reason === 'WORKER_SHUTDOWN') {
    return repeatable
      ? ApplicationFailure.create({
          message: WORKER_SHUT_DOWN,
          type: WORKER_SHUTDOWN,
          // The next attempt is another activity, which gets these details.
          details: record.details === undefined ? [report] : [report, record.details],
        })
      : unknownOutcome(WORKER_SHUT_DOWN, report);
  }
  if (
    !repeatable &&
    (cancellationDetails?.paused === true || cancellationDetails?.reset === true)
  ) {
    return unknownOutcome(STOPPED_BY_OPERATOR, report);
  }
  // Cancelled, paused or reset. The SDK reports the last two so that the server starts another attempt.
  return new CancelledFailure(reason, [report]);
}

function limitsOf({ info }: Context, timeLimit: number): Parameters<typeof timedOutText>[0] {
  const { scheduleToCloseTimeoutMs } = info;
  return {
    startToCloseTimeout: timeLimit,
    // The server sends 0 where there is no limit.
    scheduleToCloseTimeout: scheduleToCloseTimeoutMs || undefined,
  };
}

function unknownOutcome(text: string, report: AttemptReport): ApplicationFailure {
  return ApplicationFailure.nonRetryable(`${text} ${MAY_HAVE_HAPPENED}`, OUTCOME_UNKNOWN, report);
}
