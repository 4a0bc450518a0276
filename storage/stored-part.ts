import { createHash } from 'node:crypto';
import type { Payload, PayloadCodec, StorageDriver } from '@temporalio/common';
import { defaultPayloadConverter, StorageDriverClaim } from '@temporalio/common';

// A part of a conversation, a spec or a text that is in the storage instead of a history. It passes through
// the codecs like every payload: a team that encrypts its history wants its transcripts encrypted too.

/** Identifies a part, no matter who writes it: SHA-256 of its JSON, in hex. */
export function partDigest(json: string): string {
  return createHash('sha256').update(json).digest('hex');
}

/** Returns the claim that `readPart` takes. */
export async function writePart(
  storage: StorageDriver,
  value: object,
  codecs: readonly PayloadCodec[],
): Promise<Record<string, string>> {
  let payloads = [defaultPayloadConverter.toPayload(value)];
  for (const codec of codecs) payloads = await codec.encode(payloads);
  const [claim] = await storage.store({}, payloads);
  if (claim === undefined) throw new Error(`the storage driver ${storage.name} returned no claim`);
  return claim.claimData;
}

/** Rejects with the driver's error if the part is missing. */
export async function readPart<T extends object>(
  storage: StorageDriver,
  claim: Record<string, string>,
  codecs: readonly PayloadCodec[],
): Promise<T> {
  let payloads: Payload[] = await storage.retrieve({}, [new StorageDriverClaim(claim)]);
  for (const codec of codecs.toReversed()) payloads = await codec.decode(payloads);
  const [payload] = payloads;
  if (payload === undefined) throw new Error(`the storage driver ${storage.name} returned nothing`);
  return defaultPayloadConverter.fromPayload<T>(payload);
}
