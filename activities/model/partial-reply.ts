import type { Context } from '@temporalio/activity';
import type { PartialReply } from '../../core/conversation/partial-reply.ts';
import { partialEnd } from '../../core/conversation/partial-reply.ts';
import { keepAlive } from '../heartbeat.ts';
import type { ReplyAssembly } from './assemble-reply.ts';

/** How often a reader gets what is new. A reply that ends sooner costs no such heartbeat. */
const NEWS_MS = 200;
/** For each reply that this process streams: together they send 100 heartbeats a second. */
const NEWS_SHARE_MS = 10;

let streaming = 0;

/** Heartbeats of a model request, which hold its partial reply where somebody asked for that. */
export interface Announcement {
  /** Another reply begins, to be sent while it comes: what was sent before is void. */
  readonly begin: (reply: ReplyAssembly) => void;
  readonly stop: () => void;
}

/** Heartbeats for a model request: those of every activity, and more whenever a reply has news. */
export function announceReply(activity: Context): Announcement {
  let reply: ReplyAssembly | undefined;
  let request = 0;
  let sent = 0;
  let nextAt = 0;
  let news: NodeJS.Timeout | undefined;
  const heartbeats = keepAlive(activity, 'model request', (): PartialReply | undefined => {
    if (reply === undefined) return undefined;
    const { attempt } = activity.info;
    return { attempt, request, ...partialEnd(reply.blocks, reply.inputLength) };
  });
  const look = () => {
    const now = performance.now();
    if (reply === undefined || reply.events === sent || now < nextAt) return;
    sent = reply.events;
    nextAt = now + streaming * NEWS_SHARE_MS - NEWS_MS / 2;
    heartbeats.beat();
  };
  return {
    begin(next) {
      if (news === undefined) {
        news = setInterval(look, NEWS_MS);
        streaming += 1;
      }
      reply = next;
      request += 1;
      sent = 0;
    },
    stop() {
      heartbeats.stop();
      if (news === undefined) return;
      clearInterval(news);
      streaming -= 1;
    },
  };
}
