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

/** Sends the partial reply in the heartbeats of the model request. */
export interface Announcement {
  /** Another reply begins: what was sent before is void. */
  readonly begin: (reply: ReplyAssembly) => void;
  readonly stop: () => void;
}

/** Heartbeats for a model request: at the interval of every activity, and whenever there is news. */
export function announceReply(activity: Context): Announcement {
  let reply: ReplyAssembly | undefined;
  let request = 0;
  let sent = 0;
  let nextAt = 0;
  const details = (): PartialReply | undefined => {
    if (reply === undefined) return undefined;
    const { attempt } = activity.info;
    return { attempt, request, ...partialEnd(reply.blocks, reply.inputLength) };
  };
  const stopBeating = keepAlive(activity, details);
  const news = setInterval(() => {
    const now = performance.now();
    if (reply === undefined || reply.events === sent || now < nextAt) return;
    sent = reply.events;
    nextAt = now + streaming * NEWS_SHARE_MS - NEWS_MS / 2;
    activity.heartbeat(details());
  }, NEWS_MS);
  streaming += 1;
  return {
    begin(next) {
      reply = next;
      request += 1;
      sent = 0;
    },
    stop() {
      streaming -= 1;
      stopBeating();
      clearInterval(news);
    },
  };
}
