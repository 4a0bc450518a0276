import { isRecord } from '../../core/json.ts';
import { blocksOf, type JsonObject, sha256 } from './canonical.ts';

/** Every summary that this server issues begins its opaque part so. One from elsewhere does not. */
const ISSUER = 'plaitSum1';

export interface Summary extends JsonObject {
  readonly type: 'compaction';
  readonly content: string;
}

/** A block without content stands for a compaction that failed. It is not a summary. */
export function isSummary(block: unknown): block is Summary {
  return isRecord(block) && block['type'] === 'compaction' && typeof block['content'] === 'string';
}

/** The edit that asks for compaction, and its index among all edits. */
export function compactionEdit(body: JsonObject): { edit: JsonObject; at: number } | undefined {
  const management = body['context_management'];
  const edits = isRecord(management) ? blocksOf(management['edits']) : [];
  const at = edits.findIndex((edit) => isRecord(edit) && edit['type'] === 'compact_20260112');
  const edit = edits[at];
  return isRecord(edit) ? { edit, at } : undefined;
}

/** The messages that the API reads: the last summary and everything after it. */
export function sinceSummary<Message extends { readonly content: unknown }>(
  messages: readonly Message[],
): Message[] {
  const from = messages.findLastIndex(({ content }) => blocksOf(content).some(isSummary));
  return messages.slice(Math.max(0, from)).map((message, index) => {
    if (from === -1 || index > 0) return message;
    const blocks = blocksOf(message.content);
    return { ...message, content: blocks.slice(blocks.findLastIndex(isSummary)) };
  });
}

export function sealSummary(content: string): string {
  return `${ISSUER}.${sha256('summary', content).digest('base64url')}`;
}

/** Whether this server issued the summary and it came back with another text. */
export function isAltered({ content, encrypted_content: seal }: Summary): boolean {
  return typeof seal === 'string' && seal.startsWith(ISSUER) && seal !== sealSummary(content);
}
