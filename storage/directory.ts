import { createHash, randomUUID } from 'node:crypto';
import { mkdir, readFile, rename, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import type { Payload, StorageDriver } from '@temporalio/common';
import { StorageDriverClaim } from '@temporalio/common';
import proto from '@temporalio/proto';

const PayloadMessage = proto.temporal.api.common.v1.Payload;

/** SHA-256 in hex; anything else in a claim could name a file outside of the directory. */
const KEY_PATTERN = /^[0-9a-f]{64}$/;

/**
 * Keeps payloads as files in a directory, named after their content: for development, and for
 * workers that share a volume. Nothing is ever deleted by it.
 */
export function directoryStorage(directory: string): StorageDriver {
  const root = resolve(directory);
  const pathOf = (key: string) => join(root, key.slice(0, 2), key);

  async function store(payload: Payload): Promise<StorageDriverClaim> {
    const bytes = PayloadMessage.encode(payload).finish();
    const key = createHash('sha256').update(bytes).digest('hex');
    const path = pathOf(key);
    // Written beside and renamed, so that nobody ever reads half a file. Two writers of one key
    // write the same bytes.
    const draft = `${path}.${randomUUID()}`;
    await mkdir(join(root, key.slice(0, 2)), { recursive: true });
    await writeFile(draft, bytes);
    await rename(draft, path);
    return new StorageDriverClaim({ key });
  }

  async function retrieve(claim: StorageDriverClaim): Promise<Payload> {
    const key = claim.claimData['key'] ?? '';
    if (!KEY_PATTERN.test(key))
      throw new Error(`${JSON.stringify(key)} is no key of a directory storage`);
    return PayloadMessage.decode(await readFile(pathOf(key)));
  }

  return {
    name: 'plait-directory',
    type: 'plait.directory',
    store: (_context, payloads) => Promise.all(payloads.map(store)),
    retrieve: (_context, claims) => Promise.all(claims.map(retrieve)),
  };
}
