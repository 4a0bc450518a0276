import { setTimeout as sleep } from 'node:timers/promises';
import type { Client, WorkflowExecutionDescription } from '@temporalio/client';
import type { temporal } from '@temporalio/proto';
import type { ModelRequest } from './model-request.ts';
import { modelRequest } from './model-request.ts';
import type { PendingActivity } from './pending.ts';
import { pendingActivities } from './pending.ts';
import { abortable, asServiceError, mayAskAgain, PAUSE_MS, HistoryReader } from './history.ts';
import { storedReplies } from './stored-replies.ts';
import { aboutTurn } from '../temporal-errors.ts';
import type { TurnEvent } from './events.ts';
import { turnRuns } from './runs.ts';
import { readEvent } from './read-event.ts';

type HistoryEvent = temporal.api.history.v1.IHistoryEvent;

/** How long a server that does not answer is asked again. */
const GIVE_UP_MS = 60_000;

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
      if (run.history.ended) return undefined;
      const news: TurnEvent[] = [];
      for (;;) {
        const { history } = run;
        const events = await aboutTurn(turnId, namespace, () =>
          patiently(() => history.readPage(signal), signal),
        );
        await fetchReplies?.(events);
        const read = await Promise.all(
          events.map((event) => readEvent(event, loadedDataConverter)),
        );
        const next = history.ended ? (later.shift() ?? continuedIn(events)) : undefined;
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

/** One run of the turn. */
interface Run {
  runId: string;
  history: HistoryReader;
}

async function openRun(
  client: Client,
  { turnId, runId }: { turnId: string; runId: string },
  describe: Describe,
): Promise<Run> {
  const { historySize } = await describe(runId);
  return { runId, history: new HistoryReader(client, { workflowId: turnId, runId }, historySize) };
}

/** The run in which this one goes on, if it does. */
function continuedIn(events: readonly HistoryEvent[]): string | undefined {
  return (
    events.at(-1)?.workflowExecutionContinuedAsNewEventAttributes?.newExecutionRunId || undefined
  );
}

/** Events count from 1 in each run; and a run that goes on in another has not closed the turn. */
function ofTurn(event: TurnEvent, runId: string, next: string | undefined): TurnEvent[] {
  if ('key' in event) return [{ ...event, key: `${runId}/${event.key}` }];
  return event.type === 'turnClosed' && next !== undefined ? [] : [event];
}

/** Asks again while the server is away; the SDK has tried for some seconds each time. */
async function patiently<T>(request: () => Promise<T>, signal: AbortSignal): Promise<T> {
  const since = Date.now();
  for (;;) {
    const asked = Date.now();
    try {
      return await request();
    } catch (error) {
      if (signal.aborted || !mayAskAgain(error) || asked - since > GIVE_UP_MS) {
        throw asServiceError(error);
      }
    }
    await sleep(PAUSE_MS, undefined, { signal });
  }
}
