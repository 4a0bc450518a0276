import type { Client } from '@temporalio/client';
import type { CollectableStorage, SweepReport } from 'plait/storage';
import { liveKeys, sweep } from 'plait/storage';

/** `client` needs the codecs and the storage of the workers, because what they hide names objects too. */
export async function collectGarbage(
  client: Client,
  storage: CollectableStorage,
): Promise<SweepReport> {
  const week = 7 * 86_400_000;
  return await sweep(storage, {
    live: () => liveKeys(client),
    writtenBefore: new Date(Date.now() - week),
  });
}
