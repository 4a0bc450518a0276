import type { Client } from '@temporalio/client';
import type { PayloadCodec, StorageDriver } from '@temporalio/common';
import { findFileProblem, largestFile } from '../core/conversation/files.ts';
import type { Message } from '../core/conversation/messages.ts';
import type { StoredData } from '../core/conversation/stored-data.ts';
import {
  findLookAlike,
  largeData,
  putBackData,
  storedData,
  takeOutData,
} from '../core/conversation/stored-data.ts';
import type { Segment, Transcript } from '../core/conversation/transcript.ts';
import { INLINE_BYTES } from '../core/conversation/transcript.ts';
import { causeChain } from '../core/failures.ts';
import type { Json } from '../core/json.ts';
import { jsonBytes } from '../core/json.ts';
import { InvalidTurnError } from '../core/turn/input.ts';
import { StorageUnavailableError } from '../storage/errors.ts';
import { partDigest, readPart, writePart } from '../storage/stored-part.ts';

// What a client writes to the storage and reads from it: the messages of a conversation, and the data of its
// images and documents. Neither is part of a history.

interface ClientStorage {
  driver: StorageDriver;
  codecs: readonly PayloadCodec[];
}

function storageOf(client: Client): ClientStorage | undefined {
  const { externalStorage, payloadCodecs: codecs } = client.options.loadedDataConverter;
  const driver = externalStorage?.drivers[0];
  return driver === undefined ? undefined : { driver, codecs };
}

/**
 * What to send instead of these messages or blocks: the data of large images and documents goes to the
 * storage. `path` is the caller's name for the value.
 *
 * Throws an `InvalidTurnError` for an image or a document that the API would reject, and for large ones if
 * there is no storage; a `StorageUnavailableError` if the storage cannot be written.
 */
export async function withoutFiles<T>(client: Client, value: T, path: string): Promise<T> {
  // A person must not be able to refer to what somebody else has stored.
  const lookAlike = findLookAlike(value, path);
  if (lookAlike !== undefined) {
    throw new InvalidTurnError(
      `${lookAlike} is an image or a document whose source.data is not a text: give the data itself.`,
    );
  }
  const problem = findFileProblem(value, path);
  if (problem !== undefined) throw new InvalidTurnError(`${problem}.`);
  const isInline = storageOf(client) === undefined && largeData(value).length > 0;
  const bytes = isInline ? jsonBytes(value) : 0;
  if (bytes > INLINE_BYTES) {
    throw new InvalidTurnError(
      `${path} has ${bytes} bytes with its images and documents (${largestFile(value, path)}), and without a \`storage\` at most ${INLINE_BYTES} fit. Give the client and the workers one, or upload the file with Anthropic's Files API and send its id.`,
    );
  }
  return await storedFiles(client, value);
}

/**
 * What to send as the result of a call. The worker checks it, as it checks every result. Large data stays
 * inline if there is no storage.
 */
export async function storedResult(client: Client, result: unknown): Promise<Json> {
  // JSON has no `undefined`.
  const value = (result ?? null) as Json;
  // No block has a source like this, so the model would read the value as JSON: send it as JSON.
  if (findLookAlike(value, 'result') !== undefined) return JSON.stringify(value);
  return await storedFiles(client, value);
}

async function storedFiles<T>(client: Client, value: T): Promise<T> {
  const storage = storageOf(client);
  if (storage === undefined) return value;
  try {
    return await takeOutData(value, (data) => storeFile(storage, data));
  } catch (error) {
    throw new StorageUnavailableError(
      `Images or documents cannot be written to storage ${storage.driver.name}: ${causeChain(error)}. Nothing was sent.`,
      { cause: error },
    );
  }
}

/** Stores the data as workers do. */
async function storeFile({ driver, codecs }: ClientStorage, data: string): Promise<StoredData> {
  const claim = await writePart(driver, { data }, codecs);
  const digest = partDigest(JSON.stringify({ data }));
  return { type: 'plait.stored', digest, claim, bytes: Buffer.byteLength(data) };
}

/** The same messages or blocks with the data of their images and documents. */
export async function withFiles<T>(client: Client, value: T): Promise<T> {
  if (storedData(value).length === 0) return value;
  return await fromStorage(client, FILES, (read) =>
    putBackData(value, async ({ claim }) => (await read<{ data: string }>(claim)).data),
  );
}

export interface MessageRange {
  /** Index of the first message. @default 0 */
  from?: number;
  /** Most messages. @default all */
  limit?: number;
}

/** Messages of a conversation. Fetches only the segments that hold them. */
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

/** The messages of the range, from a list that begins at index `first`. */
function cut(messages: Message[], first: number, from: number, to: number): Message[] {
  return messages.slice(Math.max(0, from - first), Math.max(0, to - first));
}

function readSegment(client: Client, { claim }: Segment): Promise<Message[]> {
  return fromStorage(client, CONVERSATION, (read) => read<Message[]>(claim));
}

/** The words of the error message for what is read. */
interface StoredThing {
  /** As in "The conversation lies in a storage". */
  lies: string;
  /** As in "Cannot read a part of the conversation". */
  part: string;
}

const FILES: StoredThing = {
  lies: 'Images or documents of the conversation lie',
  part: 'an image or a document',
};
const CONVERSATION: StoredThing = {
  lies: 'The conversation lies',
  part: 'a part of the conversation',
};

/** Throws a `StorageUnavailableError` if the client has no storage or cannot read it. */
async function fromStorage<T>(
  client: Client,
  { lies, part }: StoredThing,
  work: (read: <Part extends object>(claim: Record<string, string>) => Promise<Part>) => Promise<T>,
): Promise<T> {
  const storage = storageOf(client);
  if (storage === undefined) {
    throw new StorageUnavailableError(
      `${lies} in a storage, and this client has none. Give it the \`storage\` of the workers.`,
    );
  }
  const { driver, codecs } = storage;
  try {
    return await work((claim) => readPart(driver, claim, codecs));
  } catch (error) {
    throw new StorageUnavailableError(
      `Cannot read ${part} from storage ${driver.name}: ${causeChain(error)}. Give the client the \`storage\` of the workers.`,
      { cause: error },
    );
  }
}
