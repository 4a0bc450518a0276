import type { Context } from '@temporalio/activity';
import { causeChain } from '../../core/failures.ts';
import type { Message } from '../../core/conversation/messages.ts';
import { openServerCalls } from '../../core/conversation/server-calls.ts';
import type { Segment } from '../../core/conversation/transcript.ts';
import { SEAL_BYTES } from '../../core/conversation/transcript.ts';
import type { TranscriptStore } from './store.ts';

/** The conversation that a request sends, as far as it is sealed. */
interface SentTranscript {
  segments: Segment[];
  tail: Message[];
  tailBytes: number;
}

/** A tail that could not be sealed stays inline and is tried again with the next call. */
export async function sealTail(
  activity: Context,
  store: TranscriptStore,
  { segments, tail, tailBytes }: SentTranscript,
): Promise<Segment[] | undefined> {
  if (!store.hasStorage || tailBytes <= SEAL_BYTES) return undefined;
  // When the turn ends with open calls of the API's own tools, they are left out of the conversation,
  // and of a segment nothing can be. And a system message becomes the user's when the model has nothing
  // to say to it.
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
