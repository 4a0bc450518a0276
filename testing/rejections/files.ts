import {
  MANY_IMAGES,
  MAX_IMAGE_BYTES,
  MAX_IMAGE_SIDE,
  MAX_SIDE_OF_MANY,
} from '../../core/conversation/files.ts';
import { fileKind, isBase64, PDF_TYPE, type FileKind } from '../../core/conversation/file-kind.ts';
import { isRecord } from '../../core/json.ts';
import type { JsonObject } from '../messages/canonical.ts';
import { invalid, type CheckedBlock, type CheckedMessage, type Rejection } from './rejection.ts';

/** Images and documents that the API cannot read. Those behind a URL or a file id are accepted. */
export function fileRejection(block: CheckedBlock, place: string): Rejection | undefined {
  const { type, source } = block;
  if ((type !== 'image' && type !== 'document') || !isRecord(source)) return undefined;
  if (source['type'] !== 'base64') return undefined;
  return type === 'image' ? imageRejection(source, place) : pdfRejection(source, place);
}

function imageRejection({ data, media_type: declared }: JsonObject, place: string) {
  const path = `${place}.image.source.base64`;
  if (typeof data !== 'string') return invalid(`${path}.data: Input should be a valid string`);
  if (data === '') return invalid(`${path}: image cannot be empty`);
  const kind = isBase64(data) ? fileKind(data) : undefined;
  if (kind === undefined || !isWhole(data, kind.mediaType)) {
    return invalid(`${path}: Could not process image`);
  }
  if (kind.mediaType !== declared) {
    return invalid(
      `${path}: The image was specified using the ${String(declared)} media type, but the image appears to be a ${kind.mediaType} image`,
    );
  }
  if (data.length > MAX_IMAGE_BYTES) {
    const megabytes = MAX_IMAGE_BYTES / 1024 / 1024;
    return invalid(
      `${path}: image exceeds ${megabytes} MB maximum: ${data.length} bytes > ${MAX_IMAGE_BYTES} bytes`,
    );
  }
  return longestSide(kind) > MAX_IMAGE_SIDE
    ? invalid(
        `${path}.data: At least one of the image dimensions exceed max allowed size: ${MAX_IMAGE_SIDE} pixels`,
      )
    : undefined;
}

function pdfRejection({ data }: JsonObject, place: string): Rejection | undefined {
  const path = `${place}.pdf.source.base64.data`;
  if (typeof data !== 'string') return invalid(`${path}: Input should be a valid string`);
  const isPdf = isBase64(data) && fileKind(data)?.mediaType === PDF_TYPE;
  return isPdf && isWhole(data, PDF_TYPE)
    ? undefined
    : invalid(`${path}: The PDF specified was not valid.`);
}

/** When a request has many images, each must be smaller. */
export function manyImagesRejection(messages: readonly CheckedMessage[]): Rejection | undefined {
  const images = messages.flatMap(({ index, blocks }) =>
    blocks.flatMap((block, at) => imagesIn(block, `messages.${index}.content.${at}`)),
  );
  if (images.length <= MANY_IMAGES) return undefined;
  const large = images.find(({ source }) => sideOf(source) > MAX_SIDE_OF_MANY);
  return large === undefined
    ? undefined
    : invalid(
        `${large.place}.image.source.base64.data: At least one of the image dimensions exceed max allowed size for many-image requests: ${MAX_SIDE_OF_MANY} pixels`,
      );
}

function imagesIn(block: unknown, place: string): { source: unknown; place: string }[] {
  if (!isRecord(block)) return [];
  const { type, source, content } = block;
  if (type === 'image') return [{ source, place }];
  if (type !== 'tool_result' || !Array.isArray(content)) return [];
  return content.flatMap((part: unknown, at) =>
    imagesIn(part, `${place}.tool_result.content.${at}`),
  );
}

function sideOf(source: unknown): number {
  const data = isRecord(source) && source['type'] === 'base64' ? source['data'] : undefined;
  return typeof data === 'string' ? longestSide(fileKind(data)) : 0;
}

function longestSide(kind: FileKind | undefined): number {
  return Math.max(kind?.size?.width ?? 0, kind?.size?.height ?? 0);
}

/** Whether the file has an end, for the kinds that mark it. Anything may follow the end of an image. */
function isWhole(data: string, mediaType: FileKind['mediaType']): boolean {
  const file = Buffer.from(data, 'base64');
  switch (mediaType) {
    case 'image/png':
      return file.includes('IEND');
    case 'image/jpeg':
      return file.includes('\xff\xd9', jpegPixelsAt(file), 'latin1');
    case PDF_TYPE:
      return file.subarray(-PDF_TAIL_BYTES).includes('%%EOF');
    case 'image/gif':
    case 'image/webp':
      return true;
  }
}

const PDF_TAIL_BYTES = 1_024;

/** Skips the segments before the pixels: a preview image among them has its own end. */
function jpegPixelsAt(file: Buffer): number {
  const byte = (at: number) => file[at] ?? 0;
  let at = 2;
  while (byte(at) === 0xff && byte(at + 1) !== 0xda) {
    // Any number of fill bytes may precede a marker.
    at += byte(at + 1) === 0xff ? 1 : 2 + byte(at + 2) * 256 + byte(at + 3);
  }
  return at;
}
