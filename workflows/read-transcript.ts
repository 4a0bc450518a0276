import { CancellationScope, proxyActivities } from '@temporalio/workflow';
import type { PlaitActivities } from '../activities/index.ts';
import type { Message } from '../core/messages.ts';
import { READ_TRANSCRIPT } from '../core/names.ts';
import type { Transcript } from '../core/transcript.ts';

const activities = proxyActivities<PlaitActivities>({
  startToCloseTimeout: '1m',
  retry: { maximumAttempts: 5 },
});

/** All messages of a transcript. Costs nothing while they are all inline. */
export async function readTranscript(transcript: Transcript): Promise<Message[]> {
  const { segments, tail } = transcript;
  if (segments.length === 0) return tail;
  // A cancelled turn still reports what it did.
  const earlier = await CancellationScope.nonCancellable(() =>
    activities[READ_TRANSCRIPT](segments),
  );
  return [...earlier, ...tail];
}
