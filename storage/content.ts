import { createHash } from 'node:crypto';
import type { Payload, StorageDriverClaim } from '@temporalio/common';
import { ApplicationFailure } from '@temporalio/common';
import proto from '@temporalio/proto';
import { STORED_OBJECT_LOST } from '../core/failures.ts';

const PayloadMessage = proto.temporal.api.common.v1.Payload;

/** SHA-256 in hex; anything else in a claim could name something that is not ours. */
export const KEY_PATTERN = /^[0-9a-f]{64}$/;

/** What is stored of a payload, under the digest of it. */
export interface Content {
  key: string;
  bytes: Uint8Array;
}

export function contentOf(payload: Payload): Content {
  const bytes = PayloadMessage.encode(payload).finish();
  return { key: digestOf(bytes), bytes };
}

/** Throws for bytes that are not those of the key. */
export function payloadOf({ key, bytes }: Content): Payload {
  if (digestOf(bytes) === key) return PayloadMessage.decode(bytes);
  throw new Error(`The object ${key} is damaged: its content is not what was stored.`);
}

/** `kind` as in "no key of a directory storage". */
export function keyOf(claim: StorageDriverClaim, kind: string): string {
  const key = claim.claimData['key'] ?? '';
  if (KEY_PATTERN.test(key)) return key;
  throw new Error(`${JSON.stringify(key)} is no key of a ${kind} storage`);
}

/** Trying again does not bring it back, and Temporal must not try for minutes. */
export function lostObject(where: string): ApplicationFailure {
  const message = `Nothing is stored at ${where}: it was deleted, or was written to another storage`;
  return ApplicationFailure.nonRetryable(message, STORED_OBJECT_LOST);
}

function digestOf(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}
