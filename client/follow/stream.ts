import type { Client } from '@temporalio/client';
import { withFiles } from '../client-storage.ts';
import { EventTranslator } from './event-translator.ts';
import type { TurnFeed } from './feed.ts';
import { followTurn } from './feed.ts';
import type { PieceSource, TurnPieces } from './pieces.ts';
import { piecesOf } from './pieces.ts';
import type { TurnStreamEvent } from './stream-events.ts';

export interface StreamOptions {
  /** Ends the stream without an error. The turn goes on. @default none */
  signal?: AbortSignal;
  /**
   * For a consumer that comes back: the last round whose `replyCommitted` it has seen. The stream begins
   * after that, with how the calls of that round stand. Of calls in the background it has what happens later.
   * @default 0: from the beginning of the turn
   */
  afterReply?: number;
  /**
   * Whether `callFinished` has what the tool returned. Results are written for the model: think before you pass
   * them on. @default false
   */
  results?: boolean;
}

/** How often to read the partial reply, in milliseconds: as often as workers report it, ... */
const READING_MS = 200;
/** ... and less often while nothing new comes, down to this. */
const WAITING_MS = 1_000;

/**
 * The events of a turn as they happen, the last one `turnEnded`. For a turn that has ended they come
 * from its history alone.
 *
 * It adds nothing to the history. It reads it by long poll, and describes the turn while a model request
 * is open, since the partial reply is in the heartbeats of that request. From a `source` pieces come sooner.
 */
export function streamTurn(
  client: Client,
  turnId: string,
  { signal, afterReply = 0, results = false }: StreamOptions = {},
  source?: PieceSource,
): AsyncGenerator<TurnStreamEvent, void, undefined> {
  return followTurn(client, turnId, { signal, wholeReplies: true }, async function* (feed) {
    const pieces = source === undefined ? undefined : piecesOf(client, turnId, source);
    const isUnseen = unseenAfter(afterReply);
    try {
      for await (const event of eventsOf(feed, new EventTranslator(turnId, { results }), pieces)) {
        if (isUnseen(event)) yield await whole(client, event);
      }
    } finally {
      pieces?.close();
    }
  });
}

async function* eventsOf(
  feed: TurnFeed,
  translator: EventTranslator,
  pieces: TurnPieces | undefined,
): AsyncGenerator<TurnStreamEvent, void, undefined> {
  // With pieces, a description only adds why an attempt failed, so read it less often.
  const often = pieces === undefined ? READING_MS : WAITING_MS;
  let pause = often;
  let readAt = 0;
  for (;;) {
    if (translator.asksModel) pieces?.subscribe();
    const news = await feed.next(translator.asksModel ? readAt : undefined, pieces?.arrival());
    switch (news.type) {
      case 'ended':
        return;
      case 'other': {
        const arrived = (await pieces?.take()) ?? [];
        readAt = Date.now() + WAITING_MS;
        yield* arrived.flatMap((piece) => translator.fromPiece(piece));
        break;
      }
      case 'late': {
        // If this fails, the next reading or the committed reply makes up for it.
        const request = await feed.modelRequest().catch(() => undefined);
        const events = request === undefined ? [] : translator.fromDescription(request);
        pause = events.length > 0 ? often : Math.min(1.25 * pause, WAITING_MS);
        readAt = Date.now() + pause;
        yield* events;
        break;
      }
      case 'events': {
        const events = news.events.flatMap((event) => translator.fromHistory(event));
        pause = often;
        readAt = Date.now() + pause;
        yield* events;
        break;
      }
    }
  }
}

/** The event with the documents that the API's own tools put into a reply. */
async function whole(client: Client, event: TurnStreamEvent): Promise<TurnStreamEvent> {
  if (event.type !== 'replyCommitted') return event;
  const { reply } = event;
  return { ...event, reply: { ...reply, content: await withFiles(client, reply.content) } };
}

/**
 * Whether a returning consumer should get an event. Pass it every event of the turn, in order: calls in the
 * background may end many rounds after their own.
 */
export function unseenAfter(afterReply: number): (event: TurnStreamEvent) => boolean {
  let isPast = afterReply === 0;
  return (event) => {
    if (isPast || event.type === 'turnEnded') return true;
    isPast = event.type === 'replyCommitted' && event.round === afterReply;
    return event.round > afterReply || (event.round === afterReply && isOfCall(event));
  };
}

/** Events of calls are kept for the consumer's last round too: some calls start before their reply is whole. */
function isOfCall({ type }: TurnStreamEvent): boolean {
  return type === 'callScheduled' || type === 'callWaiting' || type === 'callFinished';
}
