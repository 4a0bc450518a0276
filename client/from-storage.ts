import type { Client } from '@temporalio/client';
import type { PayloadCodec, StorageDriver } from '@temporalio/common';
import { causeChain } from '../core/failures.ts';
import { readPart } from '../storage/stored-part.ts';
import { StorageUnavailableError } from '../storage/errors.ts';

/** Where a client finds what its workers have stored outside of any history. */
export interface ClientStorage {
  driver: StorageDriver;
  codecs: readonly PayloadCodec[];
}

export function storageOf(client: Client): ClientStorage | undefined {
  const { externalStorage, payloadCodecs: codecs } = client.options.loadedDataConverter;
  const driver = externalStorage?.drivers[0];
  return driver === undefined ? undefined : { driver, codecs };
}

/** What is read, for people. */
export interface StoredThing {
  /** As in "The conversation lies in a storage". */
  lies: string;
  /** As in "Cannot read a part of the conversation". */
  part: string;
}

/** Reads from the client's storage; rejects with what to do where there is none, or it does not give it. */
export async function fromStorage<T>(
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
