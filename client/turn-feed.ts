import { setTimeout as sleep } from 'node:timers/promises';
import type { Client } from '@temporalio/client';
import { ServiceError } from '@temporalio/client';
import { isRecord } from '../core/json.ts';
import type { ModelRequest } from './model-request.ts';
import { modelRequest } from './model-request.ts';
import type { PendingActivity } from './pending-activities.ts';
import { historyPageSize } from './history-page.ts';
import { pendingActivities } from './pending-activities.ts';
import { storedReplies } from './stored-replies.ts';
import { aboutTurn } from './temporal-errors.ts';
import type { TurnEvent } from './turn-events.ts';
import { readEvent } from './read-event.ts';

/** How long a server that does not answer is asked again. */
const GIVE_UP_MS = 60_000;
const PAUSE_MS = 200;
/** gRPC: a long poll that ran into a deadline, and a server that is away for a moment. */
const ASK_AGAIN = new Set<unknown>([4, 14]);

/** What the server tells of one run of a turn. */
export interface TurnFeed {
  /** Open activities at the moment when the feed was opened. */
  readonly pending: PendingActivity[];
  /** Waits for news; empty when there were none for a while. `undefined` after the last event. */
  readonly nextEvents: () => Promise<TurnEvent[] | undefined>;
  readonly describe: () => Promise<PendingActivity[]>;
  /** The model request that is open, with what has formed of its reply. */
  readonly modelRequest: () => Promise<ModelRequest | undefined>;
}

export interface TurnFeedOptions {
  /** Fetch replies that lie in the storage. @default false: they are left out, as all large values */
  wholeReplies?: boolean;
}

/** Throws a `TurnNotFoundError`, and a `TemporalUnavailableError` when the server stays away. */
export async function openTurnFeed(
  client: Client,
  turnId: string,
  signal: AbortSignal,
  { wholeReplies = false }: TurnFeedOptions = {},
): Promise<TurnFeed> {
  const { namespace, loadedDataConverter } = client.options;
  const ask = <T>(request: () => Promise<T>): Promise<T> =>
    aboutTurn(turnId, namespace, () => abortable(client, signal, request));
  const { runId, ...first } = await ask(() => client.workflow.getHandle(turnId).describe());
  const execution = { workflowId: turnId, runId };
  // The newest run of this id may become another one, and the feed is of this run.
  const handle = client.workflow.getHandle(turnId, runId);

  let nextPageToken: Uint8Array | undefined;
  let ended = false;
  const fetchReplies = wholeReplies ? storedReplies(client) : undefined;
  const readPage = async () => {
    const page = await client.workflowService.getWorkflowExecutionHistory({
      namespace,
      maximumPageSize: historyPageSize(first.historySize),
      execution,
      waitNewEvent: true,
      ...(nextPageToken === undefined ? {} : { nextPageToken }),
    });
    nextPageToken = page.nextPageToken;
    ended = nextPageToken.length === 0;
    return page.history?.events ?? [];
  };

  return {
    pending: pendingActivities(first.raw),
    nextEvents: async () => {
      if (ended) return undefined;
      const events = await ask(() => patiently(readPage, signal));
      await fetchReplies?.(events);
      const read = await Promise.all(events.map((event) => readEvent(event, loadedDataConverter)));
      return read.filter((event) => event !== undefined);
    },
    describe: async () => pendingActivities((await ask(() => handle.describe())).raw),
    modelRequest: async () =>
      await modelRequest((await ask(() => handle.describe())).raw, loadedDataConverter),
  };
}

/** With a signal of its own: the SDK's connection never takes its listener off one again. */
async function abortable<T>(
  client: Client,
  signal: AbortSignal,
  request: () => Promise<T>,
): Promise<T> {
  const own = new AbortController();
  const abort = () => own.abort();
  if (signal.aborted) abort();
  signal.addEventListener('abort', abort, { once: true });
  try {
    return await client.withAbortSignal(own.signal, request);
  } finally {
    signal.removeEventListener('abort', abort);
  }
}

/** Asks again while the server is away; the SDK has tried for some seconds each time. */
async function patiently<T>(request: () => Promise<T>, signal: AbortSignal): Promise<T> {
  const since = Date.now();
  for (;;) {
    const asked = Date.now();
    try {
      return await request();
    } catch (error) {
      const code = isRecord(error) ? error['code'] : undefined;
      if (signal.aborted || !ASK_AGAIN.has(code) || asked - since > GIVE_UP_MS) {
        throw error instanceof Error ? new ServiceError(error.message, { cause: error }) : error;
      }
    }
    await sleep(PAUSE_MS, undefined, { signal });
  }
}
