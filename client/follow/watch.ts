import type { Client } from '@temporalio/client';
import { turnSnapshot } from './build-snapshot.ts';
import type { PendingActivity } from './description.ts';
import type { TurnEvent } from './events.ts';
import type { TurnFeed } from './feed.ts';
import { followTurn } from './feed.ts';
import type { SubAgentSnapshot, TurnSnapshot } from './snapshot.ts';
import { isSettled } from './snapshot.ts';
import { withSubAgents } from './sub-agents.ts';
import { waitForTurn } from './wait-for-turn.ts';

export interface WatchOptions {
  /** Ends the watching without an error. The turn goes on. @default none */
  signal?: AbortSignal;
}

/** When to describe a turn after something was scheduled. Shorter steps need no description: history has them. */
const FIRST_DESCRIPTION_MS = 100;
/** How often to describe a turn while something is open. */
const DESCRIPTION_MS = 1_000;

/**
 * Snapshots of a turn: the first at once, another after every change, the last when it has ended,
 * however it has ended. Where a turn continues in a new run, its earlier rounds stay.
 *
 * The turns of its sub-agents are followed as well, and stand in their calls.
 *
 * It adds nothing to the history. It reads it by long poll, and describes the turn about once a second
 * while something is open, since history shows a running activity only as scheduled.
 */
export function watchTurn(
  client: Client,
  turnId: string,
  { signal }: WatchOptions = {},
): AsyncGenerator<TurnSnapshot, void, undefined> {
  return withSubAgents(
    signal,
    (over) => watchAlone(client, turnId, over),
    (subAgent, over, callEnded) => watchSubAgent(client, subAgent, { over, callEnded }),
  );
}

/** A turn of a session may have to wait until other turns of it have ended. */
async function* watchSubAgent(
  client: Client,
  { turnId, sessionId }: SubAgentSnapshot,
  { over, callEnded }: { over: AbortSignal; callEnded: AbortSignal },
): AsyncGenerator<TurnSnapshot, void, undefined> {
  if (sessionId !== undefined) {
    const signal = AbortSignal.any([over, callEnded]);
    // After this it has begun, or never will.
    await waitForTurn(client, sessionId, turnId, signal).catch(() => undefined);
  }
  yield* watchTurn(client, turnId, { signal: over });
}

function watchAlone(
  client: Client,
  turnId: string,
  signal: AbortSignal,
): AsyncGenerator<TurnSnapshot, void, undefined> {
  return followTurn(client, turnId, { signal, wholeReplies: false }, (feed) =>
    snapshotsOf(feed, turnId),
  );
}

async function* snapshotsOf(
  feed: TurnFeed,
  turnId: string,
): AsyncGenerator<TurnSnapshot, void, undefined> {
  const events: TurnEvent[] = [];
  let { pending } = feed;
  let snapshot = turnSnapshot(turnId, events, pending);
  let describeAt = 0;
  for (;;) {
    const news = await feed.next(hasOpenActivity(snapshot) ? describeAt : undefined);
    switch (news.type) {
      case 'ended':
        return;
      case 'late':
      case 'other':
        pending = await described(feed, pending);
        describeAt = Date.now() + DESCRIPTION_MS;
        break;
      case 'events':
        events.push(...news.events);
        if (news.events.some(({ type }) => type === 'scheduled')) {
          describeAt = Date.now() + FIRST_DESCRIPTION_MS;
        }
        break;
    }
    const before = JSON.stringify(snapshot);
    snapshot = turnSnapshot(turnId, events, pending);
    if (JSON.stringify(snapshot) !== before) yield snapshot;
  }
}

/** If a description fails, the one before it stays: the next one, or history, makes up for it. */
async function described(feed: TurnFeed, before: PendingActivity[]): Promise<PendingActivity[]> {
  try {
    return await feed.describe();
  } catch {
    return before;
  }
}

function hasOpenActivity({ rounds }: TurnSnapshot): boolean {
  // Looks at all rounds: calls of earlier ones may go on in the background.
  return rounds.some(({ model, calls }) =>
    [model, ...calls].some(({ state }) => !isSettled(state)),
  );
}
