import { isRecord } from '../json.ts';
import type { FileKind } from './file-kind.ts';
import { base64Bytes, fileKind, IMAGE_TYPES, isBase64, PDF_TYPE } from './file-kind.ts';
import { isStoredData } from './stored-data.ts';

// What the API is known to reject in images and documents. It would reject every later request of their
// conversation as well, so they are checked before they enter one.
// https://platform.claude.com/docs/en/build-with-claude/vision#general-limits
// https://platform.claude.com/docs/en/build-with-claude/pdf-support

/** In bytes of base64. Above this, everything rejects it; some platforms and models accept less, and say so. */
export const MAX_IMAGE_BYTES = 10 * 1024 * 1024;
/** For a whole request. */
export const MAX_REQUEST_BYTES = 32 * 1024 * 1024;
/** Longest side of an image, in pixels. */
export const MAX_IMAGE_SIDE = 8_000;
/** The same in a request with more than `MANY_IMAGES`. */
export const MAX_SIDE_OF_MANY = 2_000;
export const MANY_IMAGES = 20;
/** More than any request may have, since each is examined. */
const MAX_FILES = 1_000;
const TEXT_TYPE = 'text/plain';

/** An image or a document, and its place, such as `input[1]`. */
interface File {
  path: string;
  type: 'image' | 'document';
  source: Record<string, unknown>;
}

/**
 * Why the API would reject these messages or blocks for one of their images and documents, or
 * `undefined`. `path` is the name of the value, as in "input[1] is …".
 */
export function findFileProblem(value: unknown, path: string): string | undefined {
  const files = filesIn(value, path);
  if (files.length > MAX_FILES) {
    return `${path} has ${files.length} images and documents; a request may have at most ${MAX_FILES}`;
  }
  const kinds: (FileKind | undefined)[] = [];
  let bytes = 0;
  for (const file of files) {
    const { source } = file;
    const problem = findSourceProblem(file);
    if (problem !== undefined) return `${file.path} ${problem}`;
    const data = source['data'];
    if (source['type'] !== 'base64' || typeof data !== 'string') continue;
    bytes += data.length;
    const kind = fileKind(data);
    kinds.push(kind);
    const mismatch = findDataProblem(file, data, kind);
    if (mismatch !== undefined) return `${file.path} ${mismatch}`;
  }
  if (bytes > MAX_REQUEST_BYTES) {
    return `${path} has images and documents of ${bytes} bytes in base64, and a request may have at most ${MAX_REQUEST_BYTES}: upload them with Anthropic's Files API and send their ids`;
  }
  const images = files.filter(({ type }) => type === 'image').length;
  const large = kinds.find((kind) => sideOf(kind) > MAX_SIDE_OF_MANY);
  return images > MANY_IMAGES && large !== undefined
    ? `${path} has more than ${MANY_IMAGES} images, so none may have a side of more than ${MAX_SIDE_OF_MANY} pixels: one has ${sizeOf(large)}`
    : undefined;
}

/** The images and documents in messages or blocks, at any depth. */
function filesIn(value: unknown, path: string): File[] {
  if (Array.isArray(value)) return value.flatMap((item, i) => filesIn(item, `${path}[${i}]`));
  if (!isRecord(value)) return [];
  const { role, type, source, content } = value;
  // What the model has sent goes back unchanged.
  if (role === 'assistant') return [];
  const within = filesIn(content, `${path}.content`);
  if ((type !== 'image' && type !== 'document') || !isRecord(source)) return within;
  return [{ path, type, source }, ...filesIn(source['content'], `${path}.source.content`)];
}

function findSourceProblem({ type, source }: File): string | undefined {
  switch (source['type']) {
    case 'base64':
      return findEncodedProblem(type, source);
    case 'text': {
      const { data, media_type: mediaType } = source;
      if (mediaType !== TEXT_TYPE) {
        return `is ${named(type)} of type ${JSON.stringify(mediaType)}, and the API takes every text as ${TEXT_TYPE}`;
      }
      return isStoredData(data) || (typeof data === 'string' && data.trim() !== '')
        ? undefined
        : `is ${named(type)} without any text in source.data`;
    }
    case 'url': {
      const { url } = source;
      return typeof url === 'string' && /^https?:\/\//i.test(url)
        ? undefined
        : `is ${named(type)} whose source.url is not a URL: it must begin with https://`;
    }
    case 'file': {
      const id = source['file_id'];
      return typeof id === 'string' && id !== ''
        ? undefined
        : `is ${named(type)} without source.file_id, the id of a file of Anthropic's Files API`;
    }
    default:
      return undefined;
  }
}

function findEncodedProblem(
  type: File['type'],
  { media_type: mediaType, data }: Record<string, unknown>,
): string | undefined {
  const types: readonly unknown[] = typesOf(type);
  if (!types.includes(mediaType)) {
    return `is ${named(type)} of type ${JSON.stringify(mediaType)}, and the API takes ${types.join(', ')}`;
  }
  if (isStoredData(data)) return undefined;
  if (typeof data !== 'string' || data === '') return `is ${named(type)} without source.data`;
  if (data.startsWith('data:')) {
    return `is ${named(type)} whose source.data is a data: URL; leave out everything up to the comma`;
  }
  return isBase64(data)
    ? undefined
    : `is ${named(type)} whose source.data is not base64 (the standard alphabet, padded, without line breaks)`;
}

/** Compares its bytes with what it declares. */
function findDataProblem(
  { type, source }: File,
  data: string,
  kind: FileKind | undefined,
): string | undefined {
  const declared = `is declared as ${String(source['media_type'])}, but`;
  if (kind === undefined) {
    return `${declared} its bytes are neither that nor another type that the API takes (${typesOf(type).join(', ')})`;
  }
  if (kind.mediaType !== source['media_type']) {
    return `${declared} its bytes are those of ${kind.mediaType}`;
  }
  if (type === 'image' && data.length > MAX_IMAGE_BYTES) {
    return `is an image of ${base64Bytes(data)} bytes, ${data.length} in base64, and the API takes at most ${MAX_IMAGE_BYTES} of these: make it smaller`;
  }
  return sideOf(kind) > MAX_IMAGE_SIDE
    ? `is an image of ${sizeOf(kind)} pixels, and the API takes at most ${MAX_IMAGE_SIDE} on a side: make it smaller`
    : undefined;
}

function typesOf(type: File['type']): readonly string[] {
  return type === 'image' ? IMAGE_TYPES : [PDF_TYPE];
}

function sideOf(kind: FileKind | undefined): number {
  return kind?.size === undefined ? 0 : Math.max(kind.size.width, kind.size.height);
}

function sizeOf({ size }: FileKind): string {
  return `${size?.width} × ${size?.height}`;
}

function named(type: File['type']): string {
  return type === 'image' ? 'an image' : 'a document';
}

/** The largest inline file, for an error about a value that is too large: `input[1] has 3145728`. */
export function largestFile(value: unknown, path: string): string | undefined {
  const [largest] = filesIn(value, path)
    .map(({ path: at, source: { data } }) => ({
      at,
      bytes: typeof data === 'string' ? data.length : 0,
    }))
    .filter(({ bytes }) => bytes > 0)
    .toSorted((a, b) => b.bytes - a.bytes);
  return largest === undefined ? undefined : `${largest.at} has ${largest.bytes}`;
}
