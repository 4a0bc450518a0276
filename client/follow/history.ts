import type { Client } from '@temporalio/client';
import { ServiceError } from '@temporalio/client';
import type { temporal } from '@temporalio/proto';
import { defined, isRecord } from '../../core/json.ts';
import { historyPageSize } from './history-page.ts';

/** gRPC: a page that is larger than a message may be. */
const TOO_LARGE = 8;
/** gRPC: a long poll that ran into a deadline, and a server that is away for a moment. */
const ASK_AGAIN = new Set<unknown>([4, 14]);

/** Between a long poll that has failed and the next. */
export const PAUSE_MS = 200;

/** Reads the history of one run, page by page, and waits by long poll for what comes to it. */
export class HistoryReader {
  /** Whether its last event has been read. */
  ended = false;
  private readonly client: Client;
  private readonly execution: { workflowId: string; runId: string };
  private maximumPageSize: number;
  private nextPageToken: Uint8Array | undefined;

  /** @param historySize in bytes, as far as it is known */
  constructor(
    client: Client,
    execution: { workflowId: string; runId: string },
    historySize: number | undefined,
  ) {
    this.client = client;
    this.execution = execution;
    this.maximumPageSize = historyPageSize(historySize);
  }

  /** Rejects with what the SDK's service does; the same page can be asked for again. */
  async readPage(
    signal: AbortSignal | undefined,
  ): Promise<temporal.api.history.v1.IHistoryEvent[]> {
    try {
      const page = await abortable(this.client, signal, () => this.request());
      this.nextPageToken = page.nextPageToken;
      this.ended = page.nextPageToken.length === 0;
      return page.history?.events ?? [];
    } catch (error) {
      // It has grown meanwhile.
      if (codeOf(error) !== TOO_LARGE || this.maximumPageSize === 1) throw error;
      this.maximumPageSize = 1;
      return await this.readPage(signal);
    }
  }

  private request() {
    return this.client.workflowService.getWorkflowExecutionHistory({
      namespace: this.client.options.namespace,
      execution: this.execution,
      maximumPageSize: this.maximumPageSize,
      waitNewEvent: true,
      ...defined({ nextPageToken: this.nextPageToken }),
    });
  }
}

/** Whether a long poll that has failed like this may go on. */
export function mayAskAgain(error: unknown): boolean {
  return ASK_AGAIN.has(codeOf(error));
}

/** As the SDK's own clients would reject. */
export function asServiceError(error: unknown): unknown {
  return error instanceof Error ? new ServiceError(error.message, { cause: error }) : error;
}

function codeOf(error: unknown): unknown {
  return isRecord(error) ? error['code'] : undefined;
}

/** With a signal of its own: the SDK's connection never takes its listener off one again. */
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
