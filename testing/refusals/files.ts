import { MAX_IMAGE_BYTES, MAX_IMAGE_SIDE } from '../../core/check-files.ts';
import { fileKind, isBase64, PDF_TYPE } from '../../core/file-kind.ts';
import { isRecord } from '../../core/json.ts';
import type { JsonObject } from '../messages/canonical.ts';
import { invalid, type CheckedBlock, type Refusal } from './refusal.ts';

/** An image or a document that cannot be read. What lies behind a URL or a file id is taken as good. */
export function fileRefusal(block: CheckedBlock, place: string): Refusal | undefined {
  const { type, source } = block;
  if ((type !== 'image' && type !== 'document') || !isRecord(source)) return undefined;
  if (source['type'] !== 'base64') return undefined;
  return type === 'image' ? imageRefusal(source, place) : pdfRefusal(source, place);
}

function imageRefusal({ data, media_type: declared }: JsonObject, place: string) {
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
  const { width = 0, height = 0 } = kind.size ?? {};
  return Math.max(width, height) > MAX_IMAGE_SIDE
    ? invalid(
        `${path}.data: At least one of the image dimensions exceed max allowed size: ${MAX_IMAGE_SIDE} pixels`,
      )
    : undefined;
}

function pdfRefusal({ data }: JsonObject, place: string): Refusal | undefined {
  const path = `${place}.pdf.source.base64.data`;
  if (typeof data !== 'string') return invalid(`${path}: Input should be a valid string`);
  const isPdf = isBase64(data) && fileKind(data)?.mediaType === PDF_TYPE;
  return isPdf && isWhole(data, PDF_TYPE)
    ? undefined
    : invalid(`${path}: The PDF specified was not valid.`);
}

/** How files end that were not cut off, where their kind has an end of its own. */
const ENDS = new Map<string, string>([
  ['image/png', 'IEND'],
  ['image/jpeg', '\xff\xd9'],
  [PDF_TYPE, '%%EOF'],
]);
const TAIL_BYTES = 1_024;

function isWhole(data: string, mediaType: string): boolean {
  const end = ENDS.get(mediaType);
  if (end === undefined) return true;
  const tail = Buffer.from(data.slice(-4 * Math.ceil(TAIL_BYTES / 3)), 'base64');
  return tail.toString('latin1').includes(end);
}
