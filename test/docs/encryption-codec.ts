import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto';
import type { Payload, PayloadCodec } from '@temporalio/common';
import { temporal } from '@temporalio/proto';

const { Payload: Message } = temporal.api.common.v1;
const ENCODING = Buffer.from('binary/encrypted');

/** AES-256-GCM with a key of 32 bytes. Data is a nonce of 12 bytes, a tag of 16, and the encrypted payload. */
export function aesCodec(key: Buffer): PayloadCodec {
  const encrypt = (payload: Payload): Payload => {
    const nonce = randomBytes(12);
    const cipher = createCipheriv('aes-256-gcm', key, nonce);
    const encrypted = [cipher.update(Message.encode(payload).finish()), cipher.final()];
    const data = Buffer.concat([nonce, cipher.getAuthTag(), ...encrypted]);
    return { metadata: { encoding: ENCODING }, data };
  };
  const decrypt = (payload: Payload): Payload => {
    // Somebody without the codec has sent it.
    if (!ENCODING.equals(payload.metadata?.['encoding'] ?? Buffer.of())) return payload;
    const data = Buffer.from(payload.data ?? []);
    const decipher = createDecipheriv('aes-256-gcm', key, data.subarray(0, 12));
    decipher.setAuthTag(data.subarray(12, 28));
    return Message.decode(Buffer.concat([decipher.update(data.subarray(28)), decipher.final()]));
  };
  return {
    encode: async (payloads) => payloads.map(encrypt),
    decode: async (payloads) => payloads.map(decrypt),
  };
}
