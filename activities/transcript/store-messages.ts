import type { Context } from '@temporalio/activity';
import type { Message } from '../../core/conversation/messages.ts';
import type { ModelReply } from '../../core/conversation/reply.ts';
import { openServerCalls } from '../../core/conversation/server-calls.ts';
import type { Segment } from '../../core/conversation/transcript.ts';
import { SEAL_BYTES } from '../../core/conversation/transcript.ts';
import { causeChain } from '../../core/failures.ts';
import type { TranscriptStore } from './store.ts';

// What a model call writes to the storage. If that fails, the messages stay inline and the turn goes on: the
// reply has been paid for.

/** The sealed part of the conversation that a request sends. */
interface SentTranscript {
  segments: Segment[];
  tail: Message[];
  tailBytes: number;
}

/** A tail that could not be sealed stays inline; the next call tries again. */
export async function sealTail(
  activity: Context,
  store: TranscriptStore,
  { segments, tail, tailBytes }: SentTranscript,
): Promise<Segment[] | undefined> {
  if (!store.hasStorage || tailBytes <= SEAL_BYTES) return undefined;
  // Not sealed: when a turn ends with open calls of the API's own tools, they are left out of the
  // conversation, and nothing can be left out of a segment. And a system message becomes the user's if the
  // model says nothing to it.
  const last = tail.at(-1)?.role;
  if (last === 'assistant' || last === 'system' || openServerCalls(tail).length > 0) {
    return undefined;
  }
  try {
    return await store.seal(segments, tail, tailBytes);
  } catch (error) {
    activity.log.warn('Could not write the transcript to the storage', {
      error: causeChain(error),
    });
    return undefined;
  }
}

/** Stores documents of megabytes that the API's own tools found. If that fails, they stay in the reply. */
export async function storeReplyData(
  activity: Context,
  store: TranscriptStore,
  reply: ModelReply,
): Promise<ModelReply> {
  try {
    return { ...reply, content: await store.takeOut(reply.content) };
  } catch (error) {
    activity.log.warn('Could not write a document to the storage', { error: causeChain(error) });
    return reply;
  }
}
