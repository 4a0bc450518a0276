import type { Client } from '@temporalio/client';
import { findFileProblem, largestFile } from '../core/conversation/files.ts';
import { causeChain } from '../core/failures.ts';
import { jsonBytes } from '../core/json.ts';
import type { StoredData } from '../core/conversation/stored-data.ts';
import {
  largeData,
  putBackData,
  storedData,
  takeOutData,
} from '../core/conversation/stored-data.ts';
import { INLINE_BYTES } from '../core/conversation/transcript.ts';
import { InvalidTurnError } from '../core/turn/input.ts';
import { partDigest, writePart } from '../storage/stored-part.ts';
import type { ClientStorage } from './from-storage.ts';
import { fromStorage, storageOf } from './from-storage.ts';
import { StorageUnavailableError } from '../storage/errors.ts';

/**
 * What is sent in place of messages or blocks: the data of large images and documents goes to the
 * storage. `path` is what the caller calls them.
 *
 * Throws an `InvalidTurnError` for an image or a document that the API would refuse, and where large
 * ones do not fit and there is no storage; and an `Error` where it cannot be written to.
 */
export async function withoutFiles<T>(client: Client, value: T, path: string): Promise<T> {
  const problem = findFileProblem(value, path);
  if (problem !== undefined) throw new InvalidTurnError(`${problem}.`);
  const isStored = storageOf(client) !== undefined || largeData(value).length === 0;
  const bytes = isStored ? 0 : jsonBytes(value);
  if (bytes > INLINE_BYTES) {
    throw new InvalidTurnError(
      `${path} has ${bytes} bytes with its images and documents (${largestFile(value, path)}), and without a \`storage\` at most ${INLINE_BYTES} fit. Give the client and the workers one, or upload the file with Anthropic's Files API and send its id.`,
    );
  }
  return await storedFiles(client, value);
}

/** The same without a check, and with all that is large inline where there is no storage. */
export async function storedFiles<T>(client: Client, value: T): Promise<T> {
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

/** The same messages or blocks with the data of their images and documents. */
export async function withFiles<T>(client: Client, value: T): Promise<T> {
  if (storedData(value).length === 0) return value;
  return await fromStorage(client, FILES, (read) =>
    putBackData(value, async ({ claim }) => (await read<{ data: string }>(claim)).data),
  );
}

const FILES = {
  lies: 'Images or documents of the conversation lie',
  part: 'an image or a document',
};

/** As workers do it. */
async function storeFile({ driver, codecs }: ClientStorage, data: string): Promise<StoredData> {
  const claim = await writePart(driver, { data }, codecs);
  const digest = partDigest(JSON.stringify({ data }));
  return { type: 'plait.stored', digest, claim, bytes: Buffer.byteLength(data) };
}
