import { setTimeout as sleep } from 'node:timers/promises';
import type { Client } from '@temporalio/client';
import { ServiceError, WorkflowNotFoundError } from '@temporalio/client';
import { isRecord } from '../core/json.ts';
import { TurnNotFoundError } from './errors.ts';
import { historyPageSize } from './history-page.ts';
import { aboutTurn } from './temporal-errors.ts';

/** gRPC: a long poll that ran into a deadline, and a server that is away for a moment. */
const ASK_AGAIN = new Set<unknown>([4, 14]);
/** gRPC: also a page that is larger than a message may be. */
const TOO_LARGE = 8;
const PAUSE_MS = 200;

/**
 * Waits until a turn of a session has begun, by history long poll of the session: whenever something
 * has happened there, the turn may be there too.
 *
 * Throws a `TurnNotFoundError` when the session has ended before.
 */
export async function waitForTurn(
  client: Client,
  sessionId: string,
  turnId: string,
  signal?: AbortSignal,
): Promise<void> {
  const { namespace } = client.options;
  while (!(await exists(client, turnId))) {
    const session = await runningSession(client, sessionId);
    if (session === undefined) {
      // Its last deed may have been this turn.
      if (await exists(client, turnId)) return;
      throw new TurnNotFoundError(turnId, namespace);
    }
    for await (const _ of news(client, sessionId, session, signal)) {
      if (await exists(client, turnId)) return;
    }
    signal?.throwIfAborted();
  }
}

async function exists(client: Client, turnId: string): Promise<boolean> {
  try {
    await aboutTurn(turnId, client.options.namespace, () =>
      client.workflow.getHandle(turnId).describe(),
    );
    return true;
  } catch (error) {
    if (error instanceof TurnNotFoundError) return false;
    throw error;
  }
}

interface Run {
  runId: string;
  historySize: number | undefined;
}

/** The run of the session that is open; `undefined` where it has ended or never was. */
async function runningSession(client: Client, sessionId: string): Promise<Run | undefined> {
  try {
    const { runId, status, historySize } = await client.workflow.getHandle(sessionId).describe();
    return status.name === 'RUNNING' ? { runId, historySize } : undefined;
  } catch (error) {
    if (error instanceof WorkflowNotFoundError) return undefined;
    throw error;
  }
}

/** Something whenever the run has new events, until it is closed. */
async function* news(
  client: Client,
  workflowId: string,
  { runId, historySize }: Run,
  signal: AbortSignal | undefined,
): AsyncGenerator<void, void, undefined> {
  let maximumPageSize = historyPageSize(historySize);
  let nextPageToken: Uint8Array | undefined;
  do {
    const request = {
      namespace: client.options.namespace,
      execution: { workflowId, runId },
      maximumPageSize,
      waitNewEvent: true,
      ...(nextPageToken === undefined ? {} : { nextPageToken }),
    };
    try {
      const page = await client.withAbortSignal(signal ?? new AbortController().signal, () =>
        client.workflowService.getWorkflowExecutionHistory(request),
      );
      nextPageToken = page.nextPageToken;
    } catch (error) {
      signal?.throwIfAborted();
      const code = isRecord(error) ? error['code'] : undefined;
      // It has grown meanwhile.
      if (code === TOO_LARGE && maximumPageSize !== 1) maximumPageSize = 1;
      else if (!ASK_AGAIN.has(code)) {
        throw error instanceof Error ? new ServiceError(error.message, { cause: error }) : error;
      }
      await sleep(PAUSE_MS);
    }
    yield;
  } while (nextPageToken === undefined || nextPageToken.length > 0);
}
