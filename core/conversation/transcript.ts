import { jsonBytes, wellFormed } from '../json.ts';
import type { Message, ToolUse } from './messages.ts';
import { toolCalls } from './toolsets.ts';

/**
 * An immutable chunk of a transcript in the storage. It is addressed by its content: a retried write writes
 * the same bytes under the same key, and a cache can never be stale.
 */
export interface Segment {
  /** What the storage driver needs to find it again. */
  claim: Record<string, string>;
  /** SHA-256 of the messages' JSON, in hex. */
  digest: string;
  messages: number;
  bytes: number;
  /** It holds a summary: what is older than the segment is no longer sent to the model. */
  compacted?: true;
  /** Its images or documents are stored separately, so it refers to other objects. */
  files?: true;
}

/**
 * The append-only list of messages of a conversation. What a round adds to history must not depend on the
 * number of earlier rounds, so old messages are sealed into segments, and only the newest travel inline.
 */
export interface Transcript {
  segments: Segment[];
  tail: Message[];
  /** Size of the tail's messages as JSON. */
  tailBytes: number;
  /** The messages of the segments while they are few: a short turn reads none of them back. */
  sealedMessages?: Message[];
}

export const EMPTY_TRANSCRIPT: Transcript = { segments: [], tail: [], tailBytes: 0 };

/**
 * A tail above this is sealed with the next model call. Small, because every model call carries the tail
 * inline, and the write runs beside the request and costs no time.
 */
export const SEAL_BYTES = 8 * 1024;

/** Segments are merged up to this size, so that a long conversation has few references. */
export const SEGMENT_BYTES = 1024 * 1024;

/** More sealed messages are not kept in memory: a worker caches hundreds of turns. */
const KEEP_BYTES = 256 * 1024;

/** Without a storage, all that a turn remembers stays below this: a payload has 2 MB at most. */
export const INLINE_BYTES = 1_500_000;

/**
 * Adds messages, made well-formed: half an emoji, which people cut with `slice()`, would make every later
 * request a 400, and every word enters a conversation here.
 */
export function append(transcript: Transcript, ...given: readonly Message[]): Transcript {
  const messages = given.map((message) => wellFormed(message));
  return {
    ...transcript,
    tail: [...transcript.tail, ...messages],
    tailBytes: messages.reduce((sum, message) => sum + jsonBytes(message), transcript.tailBytes),
  };
}

/** The transcript with other messages after its segments. */
export function withTail(transcript: Transcript, tail: Message[]): Transcript {
  return { ...transcript, tail, tailBytes: tail.reduce((sum, one) => sum + jsonBytes(one), 0) };
}

/** The transcript after its tail was sealed: the same messages, all in segments. */
export function sealed(transcript: Transcript, segments: Segment[]): Transcript {
  const messages = allMessages(transcript);
  const stored = segments.reduce((sum, segment) => sum + segment.bytes, 0);
  // Both, because large images are left out of the segments, but not out of the messages.
  const bytes = Math.max(stored, transcript.tailBytes);
  return {
    segments,
    tail: [],
    tailBytes: 0,
    ...(messages === undefined || bytes > KEEP_BYTES ? {} : { sealedMessages: messages }),
  };
}

export function messageCount({ segments, tail }: Transcript): number {
  return segments.reduce((sum, { messages }) => sum + messages, tail.length);
}

/** The same transcript without what only saves a read. */
export function references({ segments, tail, tailBytes }: Transcript): Transcript {
  return { segments, tail, tailBytes };
}

/** The calls in the last message. */
export function lastCalls({ tail }: Transcript): ToolUse[] {
  const last = tail.at(-1);
  const content = last?.role === 'assistant' ? last.content : '';
  return typeof content === 'string' ? [] : toolCalls(content);
}

/** `undefined` if some are only in the storage. */
export function allMessages({ segments, tail, sealedMessages }: Transcript): Message[] | undefined {
  if (segments.length === 0) return tail;
  return sealedMessages === undefined ? undefined : [...sealedMessages, ...tail];
}

/**
 * How many of the last segments a new one should absorb: all that are at most twice as large. Then each
 * remaining segment is at least twice as large as the next, so there are few, and a message is rewritten only
 * when its segment grows by half.
 */
export function segmentsToAbsorb(segments: readonly Segment[], newBytes: number): number {
  let count = 0;
  let bytes = newBytes;
  for (const segment of segments.toReversed()) {
    if (segment.bytes > 2 * bytes || segment.bytes + bytes > SEGMENT_BYTES) break;
    bytes += segment.bytes;
    count += 1;
  }
  return count;
}
