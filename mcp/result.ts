import { isDeepStrictEqual } from 'node:util';
import type { ServedResult } from '../agents/mcp-server.ts';
import { ToolError } from '../agents/tool-error.ts';
import { notShownText, resourceText, SERVED_WITHOUT_MESSAGE } from '../core/calls/texts.ts';
import { isRecord } from '../core/json.ts';

/** A content block of a tool's result, as the Messages API takes it. */
type Block = { type: 'text'; text: string } | { type: 'image' | 'document'; source: object };

const IMAGES: ReadonlySet<string> = new Set(['image/png', 'image/jpeg', 'image/gif', 'image/webp']);

/**
 * A server's result as a tool of the agent's own would have returned it. Throws a `ToolError` for a result
 * that is an error. What the API does not accept, such as audio, is replaced by a text that names it.
 */
export function servedResult(result: unknown): Omit<ServedResult, 'type'> {
  const { content, structuredContent, isError } = isRecord(result) ? result : {};
  const blocks = Array.isArray(content) ? content.flatMap((block) => blockOf(block)) : [];
  if (isError === true) {
    // The API accepts only text in an error.
    const text = blocks.map((block) => (block.type === 'text' ? block.text : shownAs(block)));
    const message = text.join('\n').trim();
    throw new ToolError(message === '' ? SERVED_WITHOUT_MESSAGE : message, { retryable: false });
  }
  if (structuredContent === undefined) return { value: simplest(blocks) };
  // Most servers also send it as a text, as MCP asks them to.
  const isThere = blocks.some(
    (block) => block.type === 'text' && isDeepStrictEqual(parsed(block.text), structuredContent),
  );
  const value = isThere ? blocks : [...blocks, textBlock(JSON.stringify(structuredContent))];
  return { value: simplest(value), structured: structuredContent };
}

/** A single text without a block around it. */
function simplest(blocks: Block[]): unknown {
  const [only] = blocks;
  if (only === undefined) return undefined;
  return blocks.length === 1 && only.type === 'text' ? only.text : blocks;
}

const textBlock = (text: string): Block => ({ type: 'text', text });

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function blockOf(block: unknown): Block[] {
  if (!isRecord(block)) return [];
  const { type, text, data, mimeType, resource, uri, name, description } = block;
  switch (type) {
    case 'text':
      return typeof text === 'string' && text !== '' ? [textBlock(text)] : [];
    case 'image':
    case 'audio':
      return [fileBlock(data, mimeType, type)];
    case 'resource':
      return isRecord(resource) ? resourceBlocks(resource) : [];
    case 'resource_link': {
      const words = [name, description].filter((one) => typeof one === 'string');
      return [textBlock([resourceText(String(uri)), ...words].join(' '))];
    }
    default:
      return [textBlock(JSON.stringify(block))];
  }
}

function resourceBlocks({ uri, text, blob, mimeType }: Record<string, unknown>): Block[] {
  const title = textBlock(resourceText(String(uri)));
  if (typeof text === 'string') return [title, ...(text === '' ? [] : [textBlock(text)])];
  return [title, fileBlock(blob, mimeType, 'data')];
}

function fileBlock(data: unknown, mimeType: unknown, what: string): Block {
  const base64 = typeof data === 'string' ? data : '';
  const type = typeof mimeType === 'string' ? mimeType.split(';')[0]?.trim().toLowerCase() : '';
  const source = { type: 'base64', media_type: type, data: base64 };
  if (IMAGES.has(type ?? '')) return { type: 'image', source };
  if (type === 'application/pdf') return { type: 'document', source };
  if (type?.startsWith('text/') || type === 'application/json') {
    return textBlock(Buffer.from(base64, 'base64').toString('utf8'));
  }
  return textBlock(notShownText(what, type || 'unknown', Buffer.byteLength(base64, 'base64')));
}

function shownAs({ type, source }: Exclude<Block, { type: 'text' }>): string {
  const { media_type: mimeType, data } = source as { media_type: string; data: string };
  return notShownText(type, mimeType, Buffer.byteLength(data, 'base64'));
}
