import type { Message } from '../core/conversation/messages.ts';
import { mapData, STORED_FROM } from '../core/conversation/stored-data.ts';

/** Messages for printing: megabytes of an image help nobody on a terminal or in a log. */
export function withoutLargeData(messages: Message[]): Message[] {
  return mapData(messages, (data) =>
    typeof data === 'string' && data.length >= STORED_FROM
      ? `[${data.length} characters are left out here]`
      : data,
  );
}
