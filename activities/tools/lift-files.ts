import { fileBelowText } from '../../core/calls/texts.ts';
import type { ToolResultBlock } from '../../core/conversation/messages.ts';
import { isRecord } from '../../core/json.ts';
import { isContentBlock } from './content-block.ts';
import { NotDataError } from './to-data.ts';

// A tool may return an image or a document anywhere: beside a text, within its data, or alone. As JSON, the
// model would read a hundred kilobytes of base64.

/** Whether JSON may hold an image or a document. Fast, since most results hold none. */
export function mayHoldFiles(json: string): boolean {
  return json.includes('"type":"image"') || json.includes('"type":"document"');
}

/**
 * The blocks of data that holds images or documents: these as they are, and the rest as texts. `undefined`
 * where it holds none. Throws a `NotDataError` for one with base64 that is not quite right.
 */
export function liftFiles(data: unknown): ToolResultBlock[] | undefined {
  const lift = new Lift();
  const items = Array.isArray(data) ? data.entries() : [[undefined, data] as const];
  const blocks: ToolResultBlock[] = [];
  for (const [i, item] of items) {
    blocks.push(...lift.blocksOf(item, i === undefined ? 'result' : `result[${i}]`));
  }
  return lift.count === 0 ? undefined : blocks;
}

class Lift {
  count = 0;

  blocksOf(item: unknown, path: string): ToolResultBlock[] {
    if (item === null) return [];
    if (typeof item === 'string') return textBlocks(item);
    if (isRecord(item)) {
      const file = fileOf(item, path);
      if (file !== undefined) {
        this.count += 1;
        return [file];
      }
      if (item['type'] === 'text' && typeof item['text'] === 'string') {
        return isContentBlock(item) ? [item as never] : textBlocks(item['text']);
      }
      if (isContentBlock(item)) return [item as never];
    }
    const files: ToolResultBlock[] = [];
    return [...textBlocks(JSON.stringify(this.without(item, path, files))), ...files];
  }

  /** The same data with a reference in the place of each file. */
  private without(data: unknown, path: string, files: ToolResultBlock[]): unknown {
    if (Array.isArray(data)) {
      return data.map((item, i) => this.without(item, `${path}[${i}]`, files));
    }
    if (!isRecord(data)) return data;
    const file = fileOf(data, path);
    if (file !== undefined) {
      this.count += 1;
      files.push(file);
      return fileBelowText(file.type, this.count);
    }
    return Object.fromEntries(
      Object.entries(data).map(([name, value]) => [
        name,
        this.without(value, `${path}.${name}`, files),
      ]),
    );
  }
}

function textBlocks(text: string): ToolResultBlock[] {
  return text.trim() === '' ? [] : [{ type: 'text', text }];
}

function fileOf(data: Record<string, unknown>, path: string): ToolResultBlock | undefined {
  const { type, source, mimeType, data: bytes } = data;
  if (type !== 'image' && type !== 'document') return undefined;
  if (isContentBlock(data)) return data as unknown as ToolResultBlock;
  // As the Model Context Protocol has it.
  if (type === 'image' && typeof mimeType === 'string' && typeof bytes === 'string') {
    const encoded = { type: 'base64', media_type: mimeType, data: bytes };
    return { type, source: encoded } as ToolResultBlock;
  }
  if (!isRecord(source) || typeof source['data'] !== 'string') return undefined;
  const known = { type, source: { ...pick(source, ['type', 'media_type', 'data']) } };
  if (isContentBlock(known)) {
    const fields = [...extra(data, KNOWN[type]), ...extra(source, ['type', 'media_type', 'data'])];
    const why =
      fields.length > 0 ? `a field that the API does not take: ${fields[0]}` : 'a wrong field';
    throw new NotDataError(`${path} is ${type === 'image' ? 'an' : 'a'} ${type} with ${why}`);
  }
  throw new NotDataError(
    `${path} is ${type === 'image' ? 'an' : 'a'} ${type} that the API does not take: its source must be {"type":"base64","media_type":…,"data":…}`,
  );
}

const KNOWN = {
  image: ['type', 'source', 'transformations', 'cache_control', 'citations'],
  document: ['type', 'source', 'title', 'context', 'cache_control', 'citations'],
} as const;

function extra(data: object, known: readonly string[]): string[] {
  return Object.keys(data).filter((name) => !known.includes(name));
}

function pick(data: Record<string, unknown>, names: readonly string[]): object {
  return Object.fromEntries(names.flatMap((name) => (name in data ? [[name, data[name]]] : [])));
}
