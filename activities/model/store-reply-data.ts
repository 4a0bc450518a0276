import type { Context } from '@temporalio/activity';
import { causeChain } from '../../core/failures.ts';
import type { ModelReply } from '../../core/conversation/reply.ts';
import type { TranscriptStore } from '../transcript/store.ts';

/** The API's own tools find documents of megabytes. Where they cannot be stored, they stay in the reply. */
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
