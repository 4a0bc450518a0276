import { createHash } from 'node:crypto';
import type { Payload, PayloadCodec, StorageDriver } from '@temporalio/common';
import { defaultPayloadConverter, StorageDriverClaim } from '@temporalio/common';
import { isRecord } from '../core/json.ts';
import type { StoredData } from '../core/stored-data.ts';

/** Where the data of images and documents lies, and how it is encoded there: as every payload is. */
export interface DataStorage {
  driver: StorageDriver;
  codecs: readonly PayloadCodec[];
}

/** The same data has the same digest, and, without encryption, is stored once. */
export function dataDigest(data: string): string {
  return createHash('sha256').update(data).digest('hex');
}

export async function writeData(
  { driver, codecs }: DataStorage,
  data: string,
): Promise<StoredData> {
  let payloads = [defaultPayloadConverter.toPayload({ data })];
  for (const codec of codecs) payloads = await codec.encode(payloads);
  const [claim] = await driver.store({}, payloads);
  if (claim === undefined) throw new Error(`storage ${driver.name} returned no claim`);
  const bytes = Buffer.byteLength(data);
  return { type: 'plait.stored', digest: dataDigest(data), claim: claim.claimData, bytes };
}

export async function readData(
  { driver, codecs }: DataStorage,
  { claim, digest }: StoredData,
): Promise<string> {
  let payloads = await driver.retrieve({}, [new StorageDriverClaim(claim)]);
  for (const codec of codecs.toReversed()) payloads = await codec.decode(payloads);
  const value = defaultPayloadConverter.fromPayload<unknown>(payloads[0] as Payload);
  const data = isRecord(value) ? value['data'] : undefined;
  if (typeof data !== 'string' || dataDigest(data) !== digest) {
    throw new Error('its content has changed');
  }
  return data;
}
