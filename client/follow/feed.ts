import { setTimeout as sleep } from 'node:timers/promises';
import type { Client, WorkflowExecutionDescription } from '@temporalio/client';
import {
  extstoreInboundOptions,
  visit,
  walkGetWorkflowExecutionHistoryResponse,
} from '@temporalio/common/lib/internal-non-workflow/index.js';
import { causeChain } from '../../core/failures.ts';
import { CALL_MODEL } from '../../core/names.ts';
import { StorageUnavailableError } from '../../storage/errors.ts';
import { aboutTurn } from '../temporal-errors.ts';
import type { ModelRequest, PendingActivity } from './description.ts';
import { modelRequest, pendingActivities } from './description.ts';
import type { TurnEvent } from './events.ts';
import { readEvent } from './events.ts';
import type { HistoryEvent } from './history.ts';
import {
  abortable,
  asServiceError,
  HistoryReader,
  mayAskAgain,
  PAUSE_MS,
  turnRuns,
} from './history.ts';

/** How long to retry while a server does not answer. */
const GIVE_UP_MS = 60_000;

/** What the server says of a turn, through all the runs in which it continues. */
export interface TurnFeed {
  /** The activities that were open when the feed was opened. */
  readonly pending: PendingActivity[];
  /**
   * Waits for news until `other` has settled, or until the deadline, if there is one (milliseconds since the
   * epoch).
   */
  readonly next: (deadline: number | undefined, other?: Promise<void>) => Promise<News>;
  /** Open activities now. */
  readonly describe: () => Promise<PendingActivity[]>;
  /** The open model request now, with its partial reply. */
  readonly modelRequest: () => Promise<ModelRequest | undefined>;
}

export type News =
  /** Nothing came before the deadline. */
  | { type: 'late' }
  /** `other` has settled. */
  | { type: 'other' }
  /** What happened; empty if a long poll ended without events. */
  | { type: 'events'; events: TurnEvent[] }
  /** The last event has been delivered. */
  | { type: 'ended' };

export interface FollowOptions {
  /** Ends the feed without an error. */
  signal: AbortSignal | undefined;
  /** Fetch the model's replies from the storage. Without this they are left out, like all large values. */
  wholeReplies: boolean;
}

/**
 * Opens the feed of a turn for `follow`, and closes it when that ends or the caller leaves it.
 *
 * Throws a `TurnNotFoundError`, and a `TemporalUnavailableError` if the server stays away.
 */
export async function* followTurn<T>(
  client: Client,
  turnId: string,
  { signal, wholeReplies }: FollowOptions,
  follow: (feed: TurnFeed) => AsyncGenerator<T, void, undefined>,
): AsyncGenerator<T, void, undefined> {
  const leaving = new AbortController();
  const over = AbortSignal.any([leaving.signal, ...(signal === undefined ? [] : [signal])]);
  try {
    yield* follow(await openFeed(client, turnId, over, wholeReplies));
  } catch (error) {
    if (signal?.aborted !== true) throw error;
  } finally {
    leaving.abort();
  }
}

async function openFeed(
  client: Client,
  turnId: string,
  signal: AbortSignal,
  wholeReplies: boolean,
): Promise<TurnFeed> {
  const { namespace, loadedDataConverter } = client.options;
  const ask = <T>(request: () => Promise<T>): Promise<T> =>
    aboutTurn(turnId, namespace, () => abortable(client, signal, request));
  const describe = (runId: string) =>
    ask(() => client.workflow.getHandle(turnId, runId).describe());

  const [first, ...later] = await turnRuns(client.workflow, turnId, ask);
  const newest = await describe(later.at(-1) ?? first);
  let run = await openRun(client, { turnId, runId: first }, describe);
  const fetchReplies = wholeReplies ? replyFetcher(client) : undefined;

  /** `undefined` after the last event. */
  const nextEvents = async (): Promise<TurnEvent[] | undefined> => {
    if (run.history.ended) return undefined;
    const news: TurnEvent[] = [];
    for (;;) {
      const { history } = run;
      const events = await aboutTurn(turnId, namespace, () =>
        patiently(() => history.readPage(signal), signal),
      );
      await fetchReplies?.(events);
      const read = await Promise.all(events.map((event) => readEvent(event, loadedDataConverter)));
      const next = history.ended ? (later.shift() ?? continuedIn(events)) : undefined;
      for (const event of read) {
        if (event !== undefined) news.push(...ofTurn(event, run.runId, next));
      }
      // Everything from before the feed was opened comes as one piece of news.
      if (next === undefined && later.length === 0) return news;
      if (next !== undefined) run = await openRun(client, { turnId, runId: next }, describe);
    }
  };

  let upcoming = quiet(nextEvents());
  return {
    pending: await pendingActivities(newest.raw, loadedDataConverter),
    next: async (deadline, other) => {
      const news = await beforeDeadline(upcoming, deadline, other);
      if (news.type !== 'arrived') return news;
      if (news.value === undefined) return { type: 'ended' };
      upcoming = quiet(nextEvents());
      return { type: 'events', events: news.value };
    },
    describe: async () =>
      await pendingActivities((await describe(run.runId)).raw, loadedDataConverter),
    modelRequest: async () =>
      await modelRequest((await describe(run.runId)).raw, loadedDataConverter),
  };
}

/** One run of the turn. */
interface Run {
  runId: string;
  history: HistoryReader;
}

async function openRun(
  client: Client,
  { turnId, runId }: { turnId: string; runId: string },
  describe: (runId: string) => Promise<WorkflowExecutionDescription>,
): Promise<Run> {
  const { historySize } = await describe(runId);
  return {
    runId,
    history: new HistoryReader(client, { workflowId: turnId, runId }, { historySize }),
  };
}

/** The run in which this one continues, if any. */
function continuedIn(events: readonly HistoryEvent[]): string | undefined {
  return (
    events.at(-1)?.workflowExecutionContinuedAsNewEventAttributes?.newExecutionRunId || undefined
  );
}

/** Each run numbers its events from 1, and a run that continues in another has not closed the turn. */
export function ofTurn(event: TurnEvent, runId: string, next: string | undefined): TurnEvent[] {
  switch (event.type) {
    case 'turnStarted':
    case 'endedLocally':
    case 'taskFailed':
    case 'taskCompleted':
      return [event];
    case 'turnClosed':
      return next === undefined ? [event] : [];
    default:
      return [{ ...event, key: `${runId}/${event.key}` }];
  }
}

/** Retries while the server is away. The SDK has already tried for some seconds each time. */
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

/**
 * Fetches the model's replies from the storage into the events of one run: a stream needs each reply whole,
 * however large it is. Results of tools are not fetched.
 */
function replyFetcher(client: Client): (events: HistoryEvent[]) => Promise<void> {
  const requests = new Set<string>();
  const options = extstoreInboundOptions(client.options.loadedDataConverter.externalStorage);
  return async (events) => {
    for (const { eventId, activityTaskScheduledEventAttributes: scheduled } of events) {
      if (scheduled?.activityType?.name === CALL_MODEL) requests.add(String(eventId));
    }
    const replies = events.filter(({ activityTaskCompletedEventAttributes: completed }) =>
      requests.delete(String(completed?.scheduledEventId)),
    );
    try {
      const page = { history: { events: replies } };
      await visit(page, walkGetWorkflowExecutionHistoryResponse, options);
    } catch (error) {
      throw new StorageUnavailableError(
        `A reply of the model lies in a storage and cannot be read: ${causeChain(error)}. Give the client the \`storage\` of the workers.`,
        { cause: error },
      );
    }
  };
}

/** Marks a rejection as handled. The next caller that awaits the promise still gets it. */
function quiet<T>(promise: Promise<T>): Promise<T> {
  promise.catch(() => undefined);
  return promise;
}

type Arrival<T> = { type: 'late' } | { type: 'other' } | { type: 'arrived'; value: T };

async function beforeDeadline<T>(
  promise: Promise<T>,
  deadline: number | undefined,
  other: Promise<void> | undefined,
): Promise<Arrival<T>> {
  const first = [promise.then((value): Arrival<T> => ({ type: 'arrived', value }))];
  if (other !== undefined) first.push(other.then((): Arrival<T> => ({ type: 'other' })));
  if (deadline === undefined) return await Promise.race(first);
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<Arrival<T>>((resolve) => {
    timer = setTimeout(resolve, deadline - Date.now(), { type: 'late' });
  });
  try {
    return await Promise.race([...first, late]);
  } finally {
    clearTimeout(timer);
  }
}
