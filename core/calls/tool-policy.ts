import { WORKER_SHUTDOWN } from '../failures.ts';
import { defined } from '../json.ts';
import type { ActivityOptions } from '@temporalio/common';

/** Longest time of an attempt that runs within a workflow task, in milliseconds. */
export const MAX_LOCAL_TIME = 5_000;

/** A tool's declaration of time and attempts as data, recorded with the turn. In milliseconds. */
export interface ToolPolicy {
  /** The tool says that a repeated attempt does no harm (`readOnlyHint` or `idempotentHint`). */
  repeatable: boolean;
  startToCloseTimeout: number;
  heartbeatTimeout: number;
  scheduleToStartTimeout?: number;
  scheduleToCloseTimeout?: number;
  /** The task queue of this tool's calls, if it is not the turn's. */
  taskQueue?: string;
  /** Its calls run within the workflow task, if those of the whole batch may. */
  execution?: 'local';
  /** How many calls of this tool run at once in one turn. */
  concurrency?: number;
  /** How long a call waits for a person before it is denied. */
  approvalTimeout?: number;
  /** The MCP server that has listed the tool. */
  server?: string;
  retry: {
    maximumAttempts: number;
    initialInterval: number;
    maximumInterval: number;
    backoffCoefficient: number;
    nonRetryableErrorTypes: string[];
  };
}

/** The declared part of a policy; the rest takes the defaults. */
export type ToolPolicyOverrides = Partial<Omit<ToolPolicy, 'repeatable' | 'retry'>> & {
  retry?: Partial<ToolPolicy['retry']>;
};

/**
 * How long a call waits for a person, or to be completed. A week is longer than a holiday, and ends what
 * everybody has forgotten.
 */
export const DEFAULT_WAIT = 7 * 24 * 3_600_000;

/**
 * The one place where a declaration becomes a policy.
 *
 * - `startToCloseTimeout` 2 minutes: longer than any interactive request, short enough that a tool
 *   that hangs does not hold a turn. For `execution: 'local'` 5 seconds, the most that there is.
 * - `heartbeatTimeout` 10 seconds: a killed worker, a cancel and a pause are noticed in seconds. The
 *   wrapper heartbeats, so a tool has nothing to do for it but to leave the event loop free.
 * - no `scheduleToCloseTimeout`: waiting for a free worker is not failing.
 * - 3 attempts for a repeatable tool: what two more attempts a few seconds apart do
 *   not heal, the model should read.
 * - 5 attempts for any other: they are spent only on attempts that never reached `run` (a worker
 *   that does not know the tool yet), since whatever happens after `run` began is final.
 */
export function toolPolicy(repeatable: boolean, declared: ToolPolicyOverrides = {}): ToolPolicy {
  const { retry, ...times } = defined(declared);
  const declaredRetry = defined(retry ?? {});
  // The SDK rejects a longest wait below the first, so move the other one if only one is declared.
  const initialInterval = Math.min(1_000, declaredRetry.maximumInterval ?? 1_000);
  const maximumInterval = Math.max(30_000, declaredRetry.initialInterval ?? 0);
  return {
    repeatable,
    startToCloseTimeout: times.execution === 'local' ? MAX_LOCAL_TIME : 120_000,
    heartbeatTimeout: 10_000,
    ...times,
    retry: {
      maximumAttempts: repeatable ? 3 : 5,
      initialInterval,
      maximumInterval,
      backoffCoefficient: 2,
      ...declaredRetry,
      nonRetryableErrorTypes: [
        ...(declaredRetry.nonRetryableErrorTypes ?? []),
        // Repeating the attempt would only produce the same oversized result.
        'PayloadsTooLarge',
        // The server's names for its own timeouts. After one of these nobody knows whether the tool
        // did its work, so a tool that is not repeatable must not be started again.
        ...(repeatable ? [] : ['TemporalTimeout:StartToClose', 'TemporalTimeout:Heartbeat']),
      ],
    },
  };
}

/** The options under which a call of this tool is scheduled. */
export function activityOptions(policy: ToolPolicy): ActivityOptions {
  const {
    repeatable,
    execution: _,
    concurrency: __,
    approvalTimeout: ___,
    server: ____,
    ...options
  } = policy;
  const { retry } = options;
  // The workflow itself schedules such a call again, so that the loss does not count as a failure of the
  // tool.
  const nonRetryableErrorTypes = repeatable
    ? [...retry.nonRetryableErrorTypes, 'TemporalTimeout:Heartbeat', WORKER_SHUTDOWN]
    : retry.nonRetryableErrorTypes;
  return {
    ...options,
    retry: { ...retry, nonRetryableErrorTypes },
    // TRY_CANCEL would report a tool as cancelled while it still runs. It is the SDK's real default, although
    // the documentation names this value.
    cancellationType: 'WAIT_CANCELLATION_COMPLETED',
  };
}
