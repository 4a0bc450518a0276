import type { Client } from '@temporalio/client';
import { newsOr, quiet } from './news.ts';
import type { PendingActivity } from './pending.ts';
import type { TurnEvent } from './events.ts';
import { openTurnFeed } from './feed.ts';
import type { TurnSnapshot } from './snapshot.ts';
import { isSettled } from './snapshot.ts';
import { turnSnapshot } from './tree.ts';

export interface WatchOptions {
  /** Ends the watching, quietly. The turn goes on. @default none */
  signal?: AbortSignal;
}

/** What ends sooner is never asked about: history tells its end. */
const FIRST_DESCRIPTION_MS = 100;
/** How often a turn is described while something of it is open. */
const DESCRIPTION_MS = 1_000;

/**
 * Snapshots of a turn: the first at once, another after every change, the last when it has ended,
 * however it has ended. A turn that goes on in a new run is followed there; its earlier rounds stay.
 *
 * It adds nothing to the history: it reads it, which waits for news, and describes the turn about
 * once a second while something is open, since history shows a running activity only as scheduled.
 *
 * Throws a `TurnNotFoundError`, and a `TemporalUnavailableError` when the server stays away.
 */
export async function* watchTurn(
  client: Client,
  turnId: string,
  { signal }: WatchOptions = {},
): AsyncGenerator<TurnSnapshot, void, undefined> {
  const leaving = new AbortController();
  const over = AbortSignal.any([leaving.signal, ...(signal === undefined ? [] : [signal])]);
  try {
    const feed = await openTurnFeed(client, turnId, over);
    const events: TurnEvent[] = [];
    let { pending } = feed;
    let snapshot = turnSnapshot(turnId, events, pending);
    let describeAt = 0;
    let news = quiet(feed.nextEvents());
    for (;;) {
      const arrived = await newsOr(news, hasOpenSteps(snapshot) ? describeAt : undefined);
      if (arrived === undefined) return;
      if (arrived === 'late') {
        pending = await described(feed.describe, pending);
        describeAt = Date.now() + DESCRIPTION_MS;
      } else {
        events.push(...arrived);
        news = quiet(feed.nextEvents());
        if (arrived.some(({ type }) => type === 'scheduled')) {
          describeAt = Date.now() + FIRST_DESCRIPTION_MS;
        }
      }
      const before = JSON.stringify(snapshot);
      snapshot = turnSnapshot(turnId, events, pending);
      if (JSON.stringify(snapshot) !== before) yield snapshot;
    }
  } catch (error) {
    if (signal?.aborted !== true) throw error;
  } finally {
    leaving.abort();
  }
}

/** A description that fails is missed until the next one: history alone is complete in the end. */
async function described(
  describe: () => Promise<PendingActivity[]>,
  before: PendingActivity[],
): Promise<PendingActivity[]> {
  try {
    return await describe();
  } catch {
    return before;
  }
}

function hasOpenSteps({ rounds }: TurnSnapshot): boolean {
  const last = rounds.at(-1);
  if (last === undefined) return false;
  return [last.model, ...last.calls].some(({ state }) => !isSettled(state));
}
