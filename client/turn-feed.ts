import { setTimeout as sleep } from 'node:timers/promises';
import type { Client, WorkflowExecutionDescription } from '@temporalio/client';
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
import { turnRuns } from './turn-runs.ts';
import { readEvent } from './read-event.ts';

/** How long a server that does not answer is asked again. */
const GIVE_UP_MS = 60_000;
const PAUSE_MS = 200;
/** gRPC: a long poll that ran into a deadline, and a server that is away for a moment. */
const ASK_AGAIN = new Set<unknown>([4, 14]);

/** What the server tells of a turn, through all the runs in which it goes on. */
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
  const describe = (runId: string) =>
    ask(() => client.workflow.getHandle(turnId, runId).describe());

  const [first, ...later] = await turnRuns(client.workflow, turnId, ask);
  const newest = await describe(later.at(-1) ?? first);
  let run = await openRun(client, { turnId, runId: first }, describe);
  const fetchReplies = wholeReplies ? storedReplies(client) : undefined;

  return {
    pending: pendingActivities(newest.raw),
    nextEvents: async () => {
      if (run.ended) return undefined;
      const news: TurnEvent[] = [];
      for (;;) {
        const events = await ask(() => patiently(run.readPage, signal));
        await fetchReplies?.(events);
        const read = await Promise.all(
          events.map((event) => readEvent(event, loadedDataConverter)),
        );
        const next = run.ended ? (later.shift() ?? run.next) : undefined;
        for (const event of read) {
          if (event !== undefined) news.push(...ofTurn(event, run.runId, next));
        }
        // All that has happened already is one piece of news.
        if (next === undefined && later.length === 0) return news;
        if (next !== undefined) run = await openRun(client, { turnId, runId: next }, describe);
      }
    },
    describe: async () => pendingActivities((await describe(run.runId)).raw),
    modelRequest: async () =>
      await modelRequest((await describe(run.runId)).raw, loadedDataConverter),
  };
}

type Describe = (runId: string) => Promise<WorkflowExecutionDescription>;

/** Reads the history of one run, page by page. */
async function openRun(
  client: Client,
  { turnId, runId }: { turnId: string; runId: string },
  describe: Describe,
) {
  const { historySize } = await describe(runId);
  let nextPageToken: Uint8Array | undefined;
  const run = {
    runId,
    ended: false,
    /** The run in which it goes on. */
    next: undefined as string | undefined,
    readPage: async () => {
      const page = await client.workflowService.getWorkflowExecutionHistory({
        namespace: client.options.namespace,
        maximumPageSize: historyPageSize(historySize),
        execution: { workflowId: turnId, runId },
        waitNewEvent: true,
        ...(nextPageToken === undefined ? {} : { nextPageToken }),
      });
      nextPageToken = page.nextPageToken;
      run.ended = nextPageToken.length === 0;
      const events = page.history?.events ?? [];
      const last = events.at(-1)?.workflowExecutionContinuedAsNewEventAttributes;
      run.next = last?.newExecutionRunId || undefined;
      return events;
    },
  };
  return run;
}

/** Events count from 1 in each run; and a run that goes on in another has not closed the turn. */
function ofTurn(event: TurnEvent, runId: string, next: string | undefined): TurnEvent[] {
  if ('key' in event) return [{ ...event, key: `${runId}/${event.key}` }];
  return event.type === 'turnClosed' && next !== undefined ? [] : [event];
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
