import { AsyncResource } from 'node:async_hooks';
import { isDeepStrictEqual } from 'node:util';
import type { Context } from '@temporalio/activity';
import type { Logger } from '@temporalio/common';
import { LoggerWithComposedMetadata } from '@temporalio/common/lib/logger.js';
import type { ToolCallArgs } from '../../core/calls/tool-call.ts';
import { MAX_TIMER } from '../../core/duration.ts';
import { isErrorValue } from '../../core/failures.ts';
import type { AbandonedTool, ToolAttempt } from './attempt.ts';
import { detailsOf, STOP_GRACE_MS } from './attempt.ts';
import type { CallIdentity, RunningCall } from './tool-context.ts';
import { idempotencyKey } from './tool-context.ts';

// Runs of calls whose reply is still coming. The activity of a call joins its run if this worker has one;
// otherwise it runs the tool. Nothing of it is recorded, and nothing depends on it.

/** Most early runs of a worker that no activity has joined. */
export const MAX_EARLY_RUNS = 250;

/** How long a run waits to be joined once its reply is whole. Mostly that takes some milliseconds. */
const JOIN_WITHIN_MS = 10_000;

/** A call, with everything that its tool can see of it, except the id. */
export interface EarlyCall {
  namespace: string;
  identity: CallIdentity;
  given: Pick<ToolCallArgs, 'agent' | 'user' | 'sessionId' | 'context'>;
}

/** Equal for the activity that asks the model and for the activity of the call. */
export function earlyCall(
  { info }: Context,
  tool: string,
  input: unknown,
  args: Pick<ToolCallArgs, 'round' | 'occurrence' | 'agent' | 'user' | 'sessionId' | 'context'>,
): EarlyCall {
  const { round, occurrence, agent, user, sessionId, context } = args;
  const workflowId = info.workflowExecution?.workflowId ?? '';
  return {
    namespace: info.namespace,
    identity: { workflowId, round, tool, input, occurrence },
    given: { agent, user, sessionId, context } as EarlyCall['given'],
  };
}

export interface EarlyRunOptions {
  callId: string;
  /** The log of the activity that asks the model. */
  log: Logger;
  /** The longest wait for its activity, in milliseconds: the tool's `startToCloseTimeout`. */
  timeLimit: number;
  /** Reduces heartbeat details to what may be kept. */
  clean: (details: unknown) => unknown;
  /**
   * Called once, when the run can no longer be joined: an activity has joined it, or its result does not
   * count.
   */
  left: (state: 'joined' | 'over') => void;
}

/** The early runs of one worker. */
export class EarlyRuns {
  /**
   * Whether calls start early if their agent does not say. Off until the worker is known to have nothing that
   * an early run would bypass, such as activity interceptors.
   */
  byDefault = false;

  private readonly max: number;
  private readonly abandoned: Set<AbandonedTool>;
  /** Runs that can be joined. */
  private readonly runs = new Map<string, EarlyRun>();
  /** Runs that count against the limit: not joined, and still running or waiting to be joined. */
  private readonly open = new Set<EarlyRun>();
  /** Created outside of every activity and every span. */
  private readonly outside = new AsyncResource('plait.EarlyRun');

  constructor(max: number, abandoned: Set<AbandonedTool>) {
    this.max = max;
    this.abandoned = abandoned;
  }

  /**
   * Runs the tool outside of the activity that calls this. Returns the existing run of the call if there is
   * one, and `undefined` if the worker has too many.
   */
  start(
    call: EarlyCall,
    options: EarlyRunOptions,
    tool: (run: RunningCall) => unknown,
  ): EarlyRun | undefined {
    const key = keyOf(call);
    const known = this.runs.get(key);
    if (known !== undefined) return known.isOf(call) ? known : undefined;
    if (this.open.size >= this.max) return undefined;
    const run: EarlyRun = new EarlyRun(call, options, {
      abandoned: this.abandoned,
      changed: () => {
        if (run.state !== 'open') this.runs.delete(key);
        if (run.state === 'joined' || (run.state === 'over' && run.hasEnded)) this.open.delete(run);
      },
    });
    this.runs.set(key, run);
    this.open.add(run);
    run.follow(this.outside.runInAsyncScope(async () => await tool(run)));
    return run;
  }

  get isEmpty(): boolean {
    return this.runs.size === 0;
  }

  /** The run of this call that can be joined. */
  find(call: EarlyCall): EarlyRun | undefined {
    const run = this.runs.get(keyOf(call));
    return run?.isOf(call) === true ? run : undefined;
  }

  /** The worker has shut down: ends the runs that nobody will join, and gives their tools a moment to stop. */
  async close(): Promise<void> {
    const open = [...this.open];
    if (open.length === 0) return;
    for (const run of open) run.end('The worker has shut down.');
    await Promise.all(open.map((run) => run.stopped()));
  }
}

function keyOf({ namespace, identity }: EarlyCall): string {
  return `${namespace} ${idempotencyKey(identity)}`;
}

interface RunOwner {
  abandoned: Set<AbandonedTool>;
  /** The state has changed, or the tool has ended. */
  changed: () => void;
}

/** One run of a tool that began before its activity did. */
export class EarlyRun implements RunningCall {
  readonly turnId: string;
  callId: string;
  readonly tool: string;
  readonly attempt = 1;
  readonly log: Logger;
  readonly heartbeatDetails = undefined;
  /** Milliseconds since the epoch. */
  readonly startedAt = Date.now();
  /** Milliseconds since the epoch; `undefined` while the tool runs. */
  endedAt: number | undefined;
  /** `open`: it can be joined. `over`: its result does not count. */
  state: 'open' | 'joined' | 'over' = 'open';

  private readonly call: EarlyCall;
  private readonly clean: EarlyRunOptions['clean'];
  private readonly left: EarlyRunOptions['left'];
  private readonly owner: RunOwner;
  private readonly aborted = new AbortController();
  private readonly timeLimit: NodeJS.Timeout | undefined;
  private joinLimit: NodeJS.Timeout | undefined;
  private work: Promise<unknown> = Promise.resolve();
  private kept: { details: unknown } | undefined;
  private joined: ToolAttempt | undefined;
  private stopping: Promise<void> | undefined;

  constructor(call: EarlyCall, options: EarlyRunOptions, owner: RunOwner) {
    this.call = call;
    this.owner = owner;
    this.turnId = call.identity.workflowId;
    this.tool = call.identity.tool;
    this.callId = options.callId;
    // The id is that of the call that joins it, which may be in another reply.
    this.log = LoggerWithComposedMetadata.compose(options.log, () => ({
      activityId: this.callId,
      activityType: this.tool,
      attempt: this.attempt,
      taskToken: undefined,
    }));
    this.clean = options.clean;
    this.left = options.left;
    this.timeLimit =
      options.timeLimit > MAX_TIMER
        ? undefined
        : setTimeout(() => this.end('startToCloseTimeout'), options.timeLimit).unref();
  }

  get signal(): AbortSignal {
    return this.aborted.signal;
  }

  get hasEnded(): boolean {
    return this.endedAt !== undefined;
  }

  /** Whether the tool would be given the same. */
  isOf({ given }: EarlyCall): boolean {
    return isDeepStrictEqual(this.call.given, given);
  }

  follow(work: Promise<unknown>): void {
    const ended = () => {
      this.endedAt = Date.now();
      this.owner.changed();
    };
    this.work = work.then((value) => {
      // A thrown value that a tool returned: nobody returns an error for a success.
      if (isErrorValue(value)) throw value;
      return value;
    });
    this.work.then(ended, () => {
      ended();
      // The activity then runs the tool, as its first attempt.
      if (this.state === 'open') this.end('The tool has failed.');
    });
  }

  heartbeat(details: unknown): void {
    if (this.joined !== undefined) {
      this.joined.heartbeat(details);
      return;
    }
    this.kept = { details: this.clean(detailsOf(details)) };
  }

  rejectLater(): void {
    if (this.state === 'joined') return;
    const message =
      'ctx.later() is not possible while the reply still comes; the tool runs again when it is whole';
    this.end(message);
    throw new Error(message);
  }

  /** The reply is whole and asks for the call; its activity comes soon. */
  keep(): void {
    if (this.state !== 'open') return;
    const late = () => this.end('No activity has come for the call.');
    this.joinLimit ??= setTimeout(late, JOIN_WITHIN_MS).unref();
  }

  /** Nobody will join it. */
  end(reason: string): void {
    if (this.state !== 'open') return;
    this.leave('over');
    this.aborted.abort(new Error(reason));
    if (!this.hasEnded) void this.stopped();
  }

  /** Its activity has begun: nobody else can join it. */
  take(callId: string): void {
    this.callId = callId;
    this.leave('joined');
  }

  /** What the tool returns. From now on the limits of its activity apply. */
  join(attempt: ToolAttempt): Promise<unknown> {
    this.joined = attempt;
    if (this.kept !== undefined && !this.hasEnded) attempt.heartbeat(this.kept.details);
    const { signal } = attempt;
    const abort = () => this.aborted.abort(signal.reason);
    if (signal.aborted) abort();
    else signal.addEventListener('abort', abort);
    return this.work;
  }

  /** Resolves when the tool has stopped, or has been abandoned because it did not stop in time. */
  stopped(): Promise<void> {
    this.stopping ??= this.untilStopped();
    return this.stopping;
  }

  private async untilStopped(): Promise<void> {
    if (this.hasEnded) return;
    const { abandoned } = this.owner;
    const call = { tool: this.tool, callId: this.callId };
    const done = this.work.catch(() => undefined).finally(() => abandoned.delete(call));
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<void>((resolve) => {
      timer = setTimeout(() => {
        abandoned.add(call);
        resolve();
      }, STOP_GRACE_MS);
    });
    await Promise.race([done, late]);
    clearTimeout(timer);
  }

  private leave(state: 'joined' | 'over'): void {
    this.state = state;
    clearTimeout(this.timeLimit);
    clearTimeout(this.joinLimit);
    this.owner.changed();
    this.left(state);
  }
}
