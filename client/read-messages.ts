import type { Client } from '@temporalio/client';
import { causeChain } from '../core/failures.ts';
import type { Message } from '../core/messages.ts';
import type { Segment, Transcript } from '../core/transcript.ts';
import { withFiles } from './files.ts';
import { readPart } from '../storage/stored-part.ts';

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

async function readSegment(client: Client, { claim }: Segment): Promise<Message[]> {
  const { externalStorage, payloadCodecs } = client.options.loadedDataConverter;
  const storage = externalStorage?.drivers[0];
  if (storage === undefined) {
    throw new Error(
      'The conversation lies in a storage, and this client has none. Give it the `storage` of the workers.',
    );
  }
  try {
    return await readPart<Message[]>(storage, claim, payloadCodecs);
  } catch (error) {
    throw new Error(
      `Cannot read a part of the conversation from storage ${storage.name}: ${causeChain(error)}. Give the client the \`storage\` of the workers.`,
      { cause: error },
    );
  }
}
