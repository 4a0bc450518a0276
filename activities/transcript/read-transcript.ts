import type { Message } from '../../core/conversation/messages.ts';
import type { Segment } from '../../core/conversation/transcript.ts';
import type { TranscriptStore } from './store.ts';

export function createReadTranscript(store: TranscriptStore) {
  /** The messages of sealed segments, for the result of a turn. */
  return async function readTranscript(segments: Segment[]): Promise<Message[]> {
    return await store.load(segments);
  };
}
