// What an image or a document is, by its first bytes: a block that declares the wrong media type makes every
// later request of its conversation a 400. The data is base64, of which only the needed part is read.

export const IMAGE_TYPES = ['image/jpeg', 'image/png', 'image/gif', 'image/webp'] as const;
export const PDF_TYPE = 'application/pdf';

export interface FileKind {
  mediaType: (typeof IMAGE_TYPES)[number] | typeof PDF_TYPE;
  /** In pixels; absent if the beginning of the image does not say it. */
  size?: { width: number; height: number };
}

const ALPHABET = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/';
/** The values of base64 characters, by their codes. */
const SIXES = new Uint8Array(128);
for (let six = 0; six < ALPHABET.length; six += 1) SIXES[ALPHABET.charCodeAt(six)] = six;

/** Whether it is base64 that the API accepts: the standard alphabet, padded, without line breaks. */
export function isBase64(data: string): boolean {
  // Searching for a foreign character takes a third of the time that matching the whole takes, which matters
  // for megabytes.
  const end = data.search(/[^A-Za-z0-9+/]/);
  return data.length % 4 === 0 && (end === -1 || ['=', '=='].includes(data.slice(end)));
}

/** The bytes that the base64 stands for. */
export function base64Bytes(data: string): number {
  const padding = data.endsWith('==') ? 2 : data.endsWith('=') ? 1 : 0;
  return (data.length / 4) * 3 - padding;
}

/** What the data is; `undefined` for anything that the API does not accept. */
export function fileKind(data: string): FileKind | undefined {
  const file = new Base64File(data);
  if (file.startsWith('\x89PNG\r\n\x1a\n')) {
    return withSize('image/png', { width: file.big(16, 4), height: file.big(20, 4) });
  }
  if (file.startsWith('GIF87a') || file.startsWith('GIF89a')) {
    return withSize('image/gif', { width: file.little(6, 2), height: file.little(8, 2) });
  }
  if (file.startsWith('RIFF') && file.startsWith('WEBP', 8)) {
    return withSize('image/webp', webpSize(file));
  }
  if (file.startsWith('\xff\xd8\xff')) return withSize('image/jpeg', jpegSize(file));
  return isPdf(file) ? { mediaType: PDF_TYPE } : undefined;
}

interface Size {
  width: number;
  height: number;
}

function withSize(mediaType: FileKind['mediaType'], size: Size | undefined): FileKind {
  // Missing bytes read as NaN.
  const isKnown = size !== undefined && size.width > 0 && size.height > 0;
  return { mediaType, ...(isKnown ? { size } : {}) };
}

/** Readers accept a PDF with something before its header. PDF Reference 1.7, appendix H, on 3.4.1 */
const PDF_HEADER_WITHIN = 1024;

function isPdf(file: Base64File): boolean {
  const header = '%PDF-';
  let found = 0;
  // One pass is enough: the header's first character does not occur again in it.
  for (let at = 0; at < PDF_HEADER_WITHIN + header.length - 1; at += 1) {
    const byte = file.big(at, 1);
    if (byte === header.charCodeAt(found)) found += 1;
    else found = byte === header.charCodeAt(0) ? 1 : 0;
    if (found === header.length) return true;
  }
  return false;
}

/** https://developers.google.com/speed/webp/docs/riff_container */
function webpSize(file: Base64File): Size | undefined {
  if (file.startsWith('VP8X', 12)) {
    return { width: file.little(24, 3) + 1, height: file.little(27, 3) + 1 };
  }
  if (file.startsWith('VP8L', 12)) {
    const [width, height] = [file.little(21, 2), file.little(22, 3)];
    return { width: (width & 0x3fff) + 1, height: ((height >> 6) & 0x3fff) + 1 };
  }
  if (file.startsWith('VP8 ', 12)) {
    return { width: file.little(26, 2) & 0x3fff, height: file.little(28, 2) & 0x3fff };
  }
  return undefined;
}

/** Frame headers, without the markers between them that stand for tables. ITU T.81, table B.1 */
const isFrame = (marker: number) =>
  marker >= 0xc0 && marker <= 0xcf && marker !== 0xc4 && marker !== 0xc8 && marker !== 0xcc;

/** More parts than any camera writes before the frame. */
const MAX_PARTS = 1_000;

/** The frame may follow segments of any length: a camera puts a preview there. */
function jpegSize(file: Base64File): Size | undefined {
  let at = 2;
  for (let parts = 0; parts < MAX_PARTS && file.big(at, 1) === 0xff; parts += 1) {
    const marker = file.big(at + 1, 1);
    if (isFrame(marker)) return { width: file.big(at + 7, 2), height: file.big(at + 5, 2) };
    // Markers may be preceded by any number of fill bytes.
    at += marker === 0xff ? 1 : 2 + file.big(at + 2, 2);
  }
  return undefined;
}

class Base64File {
  private readonly data: string;
  /** The length in bytes. */
  private readonly length: number;

  constructor(data: string) {
    this.data = data;
    this.length = base64Bytes(data);
  }

  /** A big-endian number of so many bytes; `NaN` behind the end. */
  big(at: number, length: number): number {
    let value = 0;
    for (let i = 0; i < length; i += 1) value = value * 256 + this.byte(at + i);
    return value;
  }

  little(at: number, length: number): number {
    let value = 0;
    for (let i = length - 1; i >= 0; i -= 1) value = value * 256 + this.byte(at + i);
    return value;
  }

  startsWith(text: string, at = 0): boolean {
    for (let i = 0; i < text.length; i += 1) {
      if (this.byte(at + i) !== text.charCodeAt(i)) return false;
    }
    return true;
  }

  private byte(at: number): number {
    if (!(at < this.length)) return Number.NaN;
    const first = Math.floor(at / 3) * 4;
    let bits = 0;
    for (let i = first; i < first + 4; i += 1) {
      bits = bits * 64 + ((SIXES[this.data.charCodeAt(i)] as number) & 63);
    }
    return (bits >> (16 - 8 * (at % 3))) & 0xff;
  }
}
