import type { Context } from '@temporalio/activity';
import type { PartialReply } from '../../core/conversation/partial-reply.ts';
import { partialEnd } from '../../core/conversation/partial-reply.ts';
import type { ReplyAssembly } from './assemble-reply.ts';
import { keepAlive } from '../heartbeat.ts';

/** How often who reads along is told of something new. What ends sooner never pays for it. */
const NEWS_MS = 200;
/** For each reply that forms in this process: together they are told of 100 times a second. */
const NEWS_SHARE_MS = 10;

let forming = 0;

/** Tells of a reply while it forms, in the heartbeats of the model request. */
export interface Announcement {
  /** Another reply forms, and what was told so far is void. */
  readonly begin: (reply: ReplyAssembly) => void;
  readonly stop: () => void;
}

/** Heartbeats for a model request: as they are for every activity, and whenever there is news. */
export function announceReply(activity: Context): Announcement {
  let reply: ReplyAssembly | undefined;
  let request = 0;
  let told = 0;
  let tellAt = 0;
  const details = (): PartialReply | undefined => {
    if (reply === undefined) return undefined;
    const { attempt } = activity.info;
    return { attempt, request, ...partialEnd(reply.blocks, reply.inputLength) };
  };
  const stopBeating = keepAlive(activity, details);
  const news = setInterval(() => {
    const now = performance.now();
    if (reply === undefined || reply.events === told || now < tellAt) return;
    told = reply.events;
    tellAt = now + forming * NEWS_SHARE_MS - NEWS_MS / 2;
    activity.heartbeat(details());
  }, NEWS_MS);
  forming += 1;
  return {
    begin(next) {
      reply = next;
      request += 1;
      told = 0;
    },
    stop() {
      forming -= 1;
      stopBeating();
      clearInterval(news);
    },
  };
}
