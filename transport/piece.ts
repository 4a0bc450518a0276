import type { PayloadCodec } from '@temporalio/common';
import { defaultPayloadConverter } from '@temporalio/common';
import proto from '@temporalio/proto';
import type { ReplyPiece } from '../core/conversation/partial-reply.ts';
import { isRecord } from '../core/json.ts';

const PayloadMessage = proto.temporal.api.common.v1.Payload;

// A piece passes through the codecs like every payload: it holds what histories encrypt.

/** The piece as a message of a transport. */
export async function encodePiece(
  piece: ReplyPiece,
  codecs: readonly PayloadCodec[],
): Promise<string> {
  let payloads = [defaultPayloadConverter.toPayload(piece)];
  for (const codec of codecs) payloads = await codec.encode(payloads);
  const [payload] = payloads;
  return Buffer.from(PayloadMessage.encode(payload ?? {}).finish()).toString('base64');
}

/** Rejects where the message is not a piece, or the codecs are not those of the worker. */
export async function decodePiece(
  message: string,
  codecs: readonly PayloadCodec[],
): Promise<ReplyPiece> {
  let payloads = [PayloadMessage.decode(Buffer.from(message, 'base64')) as object];
  for (const codec of codecs.toReversed()) payloads = await codec.decode(payloads);
  const piece: unknown = defaultPayloadConverter.fromPayload(payloads[0] ?? {});
  if (isPiece(piece)) return piece;
  throw new TypeError('the message is not a piece of a reply');
}

function isPiece(value: unknown): value is ReplyPiece {
  if (!isRecord(value) || typeof value['request'] !== 'string') return false;
  const { partial } = value;
  return isRecord(partial) && Array.isArray(partial['blocks']);
}
