import type { Message } from '../../core/conversation/messages.ts';
import type { RejectedFile } from '../../core/conversation/rejected-files.ts';
import {
  isAboutFiles,
  rejectedFiles,
  withoutRejected,
} from '../../core/conversation/rejected-files.ts';
import { modelFailure } from './ask-model.ts';

/**
 * Asks, and again without the images and documents in the newest results that the API refuses to read:
 * they would make every later request of the conversation a 400 as well. Those in what a person has
 * said are no concern of this: their turn fails, and its session forgets the message.
 *
 * The last `tailLength` of the messages are the tail.
 */
export async function leaveOutRejected<T>(
  messages: Message[],
  tailLength: number,
  ask: (messages: Message[]) => Promise<T>,
): Promise<{ answer: T; refused: RejectedFile[] }> {
  let sent = messages;
  const refused: RejectedFile[] = [];
  for (;;) {
    try {
      return { answer: await ask(sent), refused };
    } catch (error) {
      // Each time there is one less, so it ends.
      const files = filesOf(error, sent, tailLength);
      if (files.length === 0) throw error;
      refused.push(...files);
      const offset = messages.length - tailLength;
      const places = files.map((file) => ({ ...file, message: file.message + offset }));
      sent = withoutRejected(sent, places);
    }
  }
}

function filesOf(error: unknown, messages: Message[], tailLength: number): RejectedFile[] {
  const failure = modelFailure(error);
  if (failure === undefined || !isAboutFiles(failure.report, failure.message)) return [];
  return rejectedFiles(messages, tailLength, failure.message);
}
