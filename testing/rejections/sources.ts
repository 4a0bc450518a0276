import { isRecord } from '../../core/json.ts';
import type { JsonObject } from '../messages/canonical.ts';
import { unknownKey } from './known-keys.ts';
import { firstRejection, invalid, type CheckedBlock, type Rejection } from './rejection.ts';

/** The fields of each kind of source, all required. A list holds the values that a field may have. */
type Sources = Readonly<Record<string, Readonly<Record<string, readonly string[] | true>>>>;

const linked = { file: { file_id: true }, url: { url: true } } as const;

const IMAGE: Sources = {
  base64: { data: true, media_type: ['image/jpeg', 'image/png', 'image/gif', 'image/webp'] },
  ...linked,
};

const DOCUMENT: Sources = {
  base64: { data: true, media_type: ['application/pdf'] },
  content: { content: true },
  ...linked,
  text: { data: true, media_type: ['text/plain'] },
};

/** The `source` of an image or a document, without its data. */
export function sourceRejection(
  block: CheckedBlock,
  path: string,
  beta: boolean,
): Rejection | undefined {
  const sources = block.type === 'image' ? IMAGE : block.type === 'document' ? DOCUMENT : undefined;
  if (sources === undefined) return undefined;
  const { source } = block;
  const place = `${path}.source`;
  if (source === undefined) return invalid(`${place}: Field required`);
  if (!isRecord(source)) return invalid(`${place}: Input should be a valid dictionary`);
  const { type } = source;
  if (typeof type !== 'string') return invalid(`${place}.type: Field required`);
  const fields = Object.hasOwn(sources, type) ? sources[type] : undefined;
  if (fields === undefined) {
    return beta ? undefined : invalid(`${place}: ${unknownTag(type, Object.keys(sources))}`);
  }
  return fieldsRejection(source, fields, `${place}.${type}`, beta);
}

function fieldsRejection(
  source: JsonObject,
  fields: Sources[string],
  path: string,
  beta: boolean,
): Rejection | undefined {
  return firstRejection([
    ...Object.entries(fields).map(([name, values]) => () => {
      const value = source[name];
      if (value === undefined) return invalid(`${path}.${name}: Field required`);
      if (values !== true && !values.some((one) => one === value)) {
        return invalid(`${path}.${name}: Input should be ${alternatives(values)}`);
      }
      // The content of a document may be blocks.
      return typeof value === 'string' || name === 'content'
        ? undefined
        : invalid(`${path}.${name}: Input should be a valid string`);
    }),
    () => (beta ? undefined : unknownKey(source, { type: true, ...fields }, path)),
  ]);
}

/** `'a', 'b' or 'c'` */
export function alternatives(values: readonly string[]): string {
  const quoted = values.map((value) => `'${value}'`);
  const last = quoted.pop() ?? '';
  return quoted.length === 0 ? last : `${quoted.join(', ')} or ${last}`;
}

export function unknownTag(tag: string, expected: readonly string[]): string {
  const list = expected.toSorted().map((one) => `'${one}'`);
  return `Input tag '${tag}' found using 'type' does not match any of the expected tags: ${list.join(', ')}`;
}
