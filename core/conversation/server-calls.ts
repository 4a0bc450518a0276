import type { Message } from './messages.ts';
import { blocksOf } from './messages.ts';

/** A sandbox of the API, in which the model's code runs. */
export interface Container {
  id: string;
  /** ISO 8601. */
  expires_at: string;
}

/** Ids of calls of the API's own tools that have no result yet: the API will continue them. */
export function openServerCalls(messages: readonly Message[]): string[] {
  const blocks = messages.flatMap(blocksOf);
  const answered = new Set(
    blocks.flatMap((block) =>
      'tool_use_id' in block && block.type !== 'tool_result' ? [block.tool_use_id] : [],
    ),
  );
  return blocks.flatMap((block) =>
    block.type === 'server_tool_use' && !answered.has(block.id) ? [block.id] : [],
  );
}

/** Whether code that the model wrote has made this call, and not the model itself. */
export function isCalledByCode({ caller }: { caller?: { type: string } }): boolean {
  return caller !== undefined && caller.type !== 'direct';
}
