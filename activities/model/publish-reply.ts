import type { Context } from '@temporalio/activity';
import { within } from '../../agents/in-time.ts';
import type { PartialReply, Reach } from '../../core/conversation/partial-reply.ts';
import {
  partialAfter,
  pieceRequest,
  reachOf,
  turnChannel,
} from '../../core/conversation/partial-reply.ts';
import { causeChain } from '../../core/failures.ts';
import { encodePiece } from '../../transport/piece.ts';
import type { StreamTransport } from '../../transport/stream-transport.ts';

/** How often news is published. */
const PIECE_MS = 20;
/** Added for each reply that this process publishes, so that all of them send 1,000 pieces a second at most. */
const PIECE_SHARE_MS = 1;
/** How often a piece holds the whole end of the reply, for readers who came late or missed a piece. */
const END_MS = 1_000;
/** How long a publish may take, and how long to wait after a failed one. */
const PUBLISH_MS = 5_000;
const RETRY_MS = 1_000;

const NOTHING: Reach = { blocks: 0, length: 0 };

/** A reply that grows. */
export interface GrowingReply {
  /** Whether more has come since the last time this was asked. */
  readonly hasGrown: () => boolean;
  readonly partial: () => PartialReply | undefined;
}

/** Publishes the growing replies of a worker. */
export interface ReplyPublisher {
  /** Returns what ends it. */
  readonly follow: (activity: Context, reply: GrowingReply) => () => void;
}

/**
 * Nothing waits for the transport and nothing queues: while one piece is on its way no other is made, and the
 * next piece holds all that is new.
 */
export function publishReplies(transport: StreamTransport): ReplyPublisher {
  let following = 0;
  let isFailing = false;

  const publish = async (activity: Context, channel: string, message: Promise<string>) => {
    try {
      await within(
        message.then((text) => transport.publish(channel, text)),
        PUBLISH_MS,
      );
      if (isFailing) activity.log.info('Partial replies are published again');
      isFailing = false;
    } catch (error) {
      if (!isFailing) activity.log.warn(cannotPublish(error));
      isFailing = true;
    }
    return !isFailing;
  };

  return {
    follow(activity, reply) {
      const { workflowExecution, workflowNamespace = '' } = activity.info;
      const { activityId, scheduledTimestampMs } = activity.info;
      const channel = turnChannel(workflowNamespace, workflowExecution?.workflowId ?? '');
      const request = pieceRequest(activityId, scheduledTimestampMs);
      const codecs = activity.client.options.loadedDataConverter.payloadCodecs;
      let sent = NOTHING;
      let sentRequest = 0;
      let isBusy = false;
      let nextAt = 0;
      let endAt = 0;

      /** What to publish now. */
      const next = (now: number): PartialReply | undefined => {
        const end = reply.partial();
        if (end === undefined) return undefined;
        const isEnd = now >= endAt || end.request !== sentRequest;
        const part = isEnd ? end : partialAfter(end, sent);
        sent = reachOf(end);
        sentRequest = end.request;
        if (isEnd) endAt = now + END_MS;
        return part === undefined ? undefined : { ...end, ...part };
      };
      const look = async (): Promise<void> => {
        const now = performance.now();
        if (isBusy || now < nextAt || !reply.hasGrown()) return;
        const partial = next(now);
        if (partial === undefined) return;
        isBusy = true;
        const isSent = await publish(activity, channel, encodePiece({ request, partial }, codecs));
        isBusy = false;
        nextAt = now + following * PIECE_SHARE_MS - PIECE_MS / 2;
        if (isSent) return;
        nextAt = performance.now() + RETRY_MS;
        endAt = 0;
      };

      following += 1;
      const timer = setInterval(() => void look(), PIECE_MS);
      return () => {
        clearInterval(timer);
        following -= 1;
      };
    },
  };
}

function cannotPublish(error: unknown): string {
  return `Partial replies cannot be published: ${causeChain(error)}. Turns are not affected; until this works, streams get each reply when it is committed, and its beginning from heartbeats. Check the \`streamTransport\` of the worker.`;
}
