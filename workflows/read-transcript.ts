import { ActivityFailure, CancellationScope, proxyActivities } from '@temporalio/workflow';
import type { PlaitActivities } from '../activities/index.ts';
import { STORAGE_FAILED } from '../core/failures.ts';
import type { Message } from '../core/conversation/messages.ts';
import { READ_TRANSCRIPT } from '../core/names.ts';
import type { Transcript } from '../core/conversation/transcript.ts';
import { allMessages } from '../core/conversation/transcript.ts';
import { MODEL_RETRY } from './ask-model.ts';

const activities = proxyActivities<PlaitActivities>({
  activityId: 'transcript',
  startToCloseTimeout: '1m',
  // The work is done; a storage that is away for some minutes must not lose it.
  retry: MODEL_RETRY,
});

/** All messages of a transcript. Costs nothing while they are few. */
export async function readTranscript(transcript: Transcript): Promise<Message[]> {
  const known = allMessages(transcript);
  if (known !== undefined) return known;
  const { segments, tail } = transcript;
  try {
    // A cancelled turn still reports what it did.
    const earlier = await CancellationScope.nonCancellable(() =>
      activities[READ_TRANSCRIPT](segments),
    );
    return [...earlier, ...tail];
  } catch (error) {
    // As the run's own failure it must say what happened, and not "Activity task failed".
    throw error instanceof ActivityFailure && error.cause ? error.cause : error;
  }
}

/** What the storage does not give now was asked for long enough already. */
export async function messagesOfFailed(
  transcript: Transcript,
  failureType: string,
): Promise<Message[]> {
  if (failureType === STORAGE_FAILED) return transcript.tail;
  return await readTranscript(transcript).catch(() => transcript.tail);
}
