import type { Client } from '@temporalio/client';
import type { Message } from '../core/conversation/messages.ts';
import type { Segment, Transcript } from '../core/conversation/transcript.ts';
import { withFiles } from './files.ts';
import { fromStorage } from './from-storage.ts';

export interface MessageRange {
  /** Index of the first message. @default 0 */
  from?: number;
  /** Most messages. @default all */
  limit?: number;
}

/** Messages of a conversation, of which only the parts are fetched that hold them. */
export async function readMessages(
  client: Client,
  { segments, tail }: Transcript,
  { from = 0, limit = Number.POSITIVE_INFINITY }: MessageRange = {},
): Promise<Message[]> {
  const to = from + limit;
  let start = 0;
  const parts: Promise<Message[]>[] = [];
  for (const segment of segments) {
    const first = start;
    start += segment.messages;
    if (start <= from || first >= to) continue;
    parts.push(readSegment(client, segment).then((all) => cut(all, first, from, to)));
  }
  const messages = [...(await Promise.all(parts)).flat(), ...cut(tail, start, from, to)];
  return await withFiles(client, messages);
}

/** Those of a list that begins at `first` which lie in the range. */
function cut(messages: Message[], first: number, from: number, to: number): Message[] {
  return messages.slice(Math.max(0, from - first), Math.max(0, to - first));
}

const CONVERSATION = { lies: 'The conversation lies', part: 'a part of the conversation' };

function readSegment(client: Client, { claim }: Segment): Promise<Message[]> {
  return fromStorage(client, CONVERSATION, (read) => read<Message[]>(claim));
}
