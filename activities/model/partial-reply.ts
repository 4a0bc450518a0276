import type { Context } from '@temporalio/activity';
import type { PartialReply } from '../../core/conversation/partial-reply.ts';
import { partialEnd } from '../../core/conversation/partial-reply.ts';
import { keepAlive } from '../heartbeat.ts';
import type { ReplyAssembly } from './assemble-reply.ts';
import type { GrowingReply, ReplyPublisher } from './publish-reply.ts';

/** How often a reader gets news. A reply that ends sooner costs no heartbeat for it. */
const NEWS_MS = 200;
/** Added for each reply that this process streams, so that all of them send 100 heartbeats a second at most. */
const NEWS_SHARE_MS = 10;

let streaming = 0;

/** Heartbeats of a model request. They hold its partial reply where somebody asked for a stream. */
export interface Announcement {
  /** Another reply begins and is to be sent while it comes. What was sent before is void. */
  readonly begin: (reply: ReplyAssembly) => void;
  readonly stop: () => void;
}

/**
 * Heartbeats for a model request: those of every activity, and more whenever a reply has news. With a
 * publisher, the news goes there instead.
 */
export function announceReply(activity: Context, publisher?: ReplyPublisher): Announcement {
  let reply: ReplyAssembly | undefined;
  let request = 0;
  let seen = 0;
  let stopNews: (() => void) | undefined;
  const growing: GrowingReply = {
    hasGrown() {
      if (reply === undefined || reply.events === seen) return false;
      seen = reply.events;
      return true;
    },
    partial(): PartialReply | undefined {
      if (reply === undefined) return undefined;
      const { attempt } = activity.info;
      const { blocks } = reply;
      const end = partialEnd(blocks.list, (index) => blocks.inputLength(index));
      return { attempt, request, ...end };
    },
  };
  const heartbeats = keepAlive(activity, 'model request', growing.partial);
  return {
    begin(next) {
      reply = next;
      request += 1;
      seen = 0;
      stopNews ??= publisher?.follow(activity, growing) ?? beatForNews(heartbeats.beat, growing);
    },
    stop() {
      heartbeats.stop();
      stopNews?.();
    },
  };
}

/** Returns what ends it. */
function beatForNews(beat: () => void, { hasGrown }: GrowingReply): () => void {
  let nextAt = 0;
  const look = () => {
    const now = performance.now();
    if (now < nextAt || !hasGrown()) return;
    nextAt = now + streaming * NEWS_SHARE_MS - NEWS_MS / 2;
    beat();
  };
  const news = setInterval(look, NEWS_MS);
  streaming += 1;
  return () => {
    clearInterval(news);
    streaming -= 1;
  };
}
