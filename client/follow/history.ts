import type { Client, WorkflowClient } from '@temporalio/client';
import { ServiceError } from '@temporalio/client';
import type { temporal } from '@temporalio/proto';
import { defined } from '../../core/json.ts';
import { findWorkflow } from '../find-workflow.ts';
import { GRPC, grpcStatus } from '../temporal-errors.ts';

export type HistoryEvent = temporal.api.history.v1.IHistoryEvent;

/** The pause between a failed long poll and the next one. */
export const PAUSE_MS = 200;

/** What fits into one gRPC message of 4 MB, besides its envelope. */
const MESSAGE_BYTES = 3_500_000;

/**
 * How many events to ask for at once; 0 lets the server decide. The server counts events, not bytes, and a
 * page above 4 MB never arrives, so a large history is read event by event.
 */
export function historyPageSize(historyBytes: number | undefined): number {
  return historyBytes !== undefined && historyBytes > MESSAGE_BYTES ? 1 : 0;
}

export interface Execution {
  workflowId: string;
  runId: string;
}

export interface ReadingOptions {
  /** In bytes, where it is known. */
  historySize: number | undefined;
  /** Wait by long poll for more, until the run's last event. @default true */
  waits?: boolean;
}

/** Reads the history of one run, page by page. */
export class HistoryReader {
  /** Whether the run's last event has been read; without waiting, the last event so far. */
  ended = false;
  private readonly client: Client;
  private readonly execution: Execution;
  private readonly waits: boolean;
  private maximumPageSize: number;
  private nextPageToken: Uint8Array | undefined;

  constructor(client: Client, execution: Execution, { historySize, waits = true }: ReadingOptions) {
    this.client = client;
    this.execution = execution;
    this.waits = waits;
    this.maximumPageSize = historyPageSize(historySize);
  }

  /** Rejects with what the SDK's service throws; then the same page can be read again. */
  async readPage(signal: AbortSignal | undefined): Promise<HistoryEvent[]> {
    try {
      const page = await abortable(this.client, signal, () => this.request());
      this.nextPageToken = page.nextPageToken;
      this.ended = page.nextPageToken.length === 0;
      return page.history?.events ?? [];
    } catch (error) {
      // The history has outgrown a page since its size was read.
      const isTooLarge = grpcStatus(error)?.code === GRPC.resourceExhausted;
      if (!isTooLarge || this.maximumPageSize === 1) throw error;
      this.maximumPageSize = 1;
      return await this.readPage(signal);
    }
  }

  private request() {
    return this.client.workflowService.getWorkflowExecutionHistory({
      namespace: this.client.options.namespace,
      execution: this.execution,
      maximumPageSize: this.maximumPageSize,
      waitNewEvent: this.waits,
      ...defined({ nextPageToken: this.nextPageToken }),
    });
  }
}

/** Whether a long poll may go on after this error: it reached a deadline, or the server is away. */
export function mayAskAgain(error: unknown): boolean {
  const code = grpcStatus(error)?.code;
  return code === GRPC.deadlineExceeded || code === GRPC.unavailable;
}

/** The error in the form that the SDK's own clients throw. */
export function asServiceError(error: unknown): unknown {
  return error instanceof Error ? new ServiceError(error.message, { cause: error }) : error;
}

/** Gives the request its own signal: the SDK's connection never removes its listener from one. */
export async function abortable<T>(
  client: Client,
  signal: AbortSignal | undefined,
  request: () => Promise<T>,
): Promise<T> {
  const own = new AbortController();
  const abort = () => own.abort();
  if (signal?.aborted === true) abort();
  signal?.addEventListener('abort', abort, { once: true });
  try {
    return await client.withAbortSignal(own.signal, request);
  } finally {
    signal?.removeEventListener('abort', abort);
  }
}

/** A wrapper around every request. */
type Ask = <T>(request: () => Promise<T>) => Promise<T>;

/**
 * The runs of a turn that the server still has, oldest first: a turn with a long history continues in a new
 * run. They are found from the newest backwards, since a reset replaces one of them.
 */
export async function turnRuns(
  client: WorkflowClient,
  turnId: string,
  ask: Ask = (request) => request(),
): Promise<[string, ...string[]]> {
  const { runId } = await ask(() => client.getHandle(turnId).describe());
  const runs: [string, ...string[]] = [runId];
  for (;;) {
    const execution = { workflowId: turnId, runId: runs[0] };
    const before = await ask(() => runBefore(client, execution));
    if (before === undefined) return runs;
    runs.unshift(before);
  }
}

/** `undefined` if there was no run before, or its retention is over. */
async function runBefore(
  client: WorkflowClient,
  execution: Execution,
): Promise<string | undefined> {
  const { history } = await client.workflowService.getWorkflowExecutionHistory({
    namespace: client.options.namespace,
    execution,
    maximumPageSize: 1,
  });
  const started = history?.events?.[0]?.workflowExecutionStartedEventAttributes;
  const before = started?.continuedExecutionRunId;
  if (!before) return undefined;
  const run = await findWorkflow(client, execution.workflowId, before);
  return run === undefined ? undefined : before;
}
