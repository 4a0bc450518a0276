import type { Client } from '@temporalio/client';
import { withFiles } from '../files.ts';
import { newsOr, quiet } from './news.ts';
import type { TurnStreamEvent } from './stream-events.ts';
import { openTurnFeed } from './feed.ts';
import { TurnStory } from './story.ts';

export interface StreamOptions {
  /** Ends the stream, quietly. The turn goes on. @default none */
  signal?: AbortSignal;
  /**
   * The last round whose `replyCommitted` has been seen, by a consumer that comes back: nothing is
   * told again but how the calls of that round stand.
   * @default 0: everything is told from the beginning of the turn
   */
  afterReply?: number;
}

/** How often the forming reply is read, in milliseconds: as often as it is told, ... */
const READING_MS = 200;
/** ... and less and less while nothing comes, down to this. */
const WAITING_MS = 1_000;

/**
 * A turn as it happens: the model's text as it forms, calls, and how they end; the last event is
 * `turnEnded`. A turn that has ended is told from its history.
 *
 * It adds nothing to the history: it reads it, which waits for news, and describes the turn while
 * the model is asked, since what has formed of a reply is in the heartbeats of its request.
 *
 * Throws a `TurnNotFoundError`, a `TemporalUnavailableError` when the server stays away, and an
 * `Error` when a reply lies in a storage that this client does not have.
 */
export async function* streamTurn(
  client: Client,
  turnId: string,
  { signal, afterReply = 0 }: StreamOptions = {},
): AsyncGenerator<TurnStreamEvent, void, undefined> {
  const leaving = new AbortController();
  const over = AbortSignal.any([leaving.signal, ...(signal === undefined ? [] : [signal])]);
  try {
    const feed = await openTurnFeed(client, turnId, over, { wholeReplies: true });
    const story = new TurnStory(turnId);
    let pause = READING_MS;
    let readAt = 0;
    let news = quiet(feed.nextEvents());
    for (;;) {
      const arrived = await newsOr(news, story.asksModel ? readAt : undefined);
      if (arrived === undefined) return;
      let events: TurnStreamEvent[] = [];
      if (arrived === 'late') {
        // A reading that fails is made up for by the next one, and by the committed reply.
        const request = await feed.modelRequest().catch(() => undefined);
        if (request !== undefined) events = story.hear(request);
        pause = events.length > 0 ? READING_MS : Math.min(1.25 * pause, WAITING_MS);
      } else {
        events = arrived.flatMap((event) => story.take(event));
        news = quiet(feed.nextEvents());
        pause = READING_MS;
      }
      readAt = Date.now() + pause;
      for (const event of events) {
        if (isAfter(event, afterReply)) yield await whole(client, event);
      }
    }
  } catch (error) {
    if (signal?.aborted !== true) throw error;
  } finally {
    leaving.abort();
  }
}

/** The API's own tools put documents into a reply. */
async function whole(client: Client, event: TurnStreamEvent): Promise<TurnStreamEvent> {
  if (event.type !== 'replyCommitted') return event;
  const { reply } = event;
  return { ...event, reply: { ...reply, content: await withFiles(client, reply.content) } };
}

function isAfter(event: TurnStreamEvent, afterReply: number): boolean {
  switch (event.type) {
    case 'turnEnded':
      return true;
    case 'callScheduled':
    case 'callWaiting':
    case 'callFinished':
      return event.round >= afterReply;
    default:
      return event.round > afterReply;
  }
}
