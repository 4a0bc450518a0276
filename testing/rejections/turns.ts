import type { CheckedBlock, CheckedMessage } from './rejection.ts';

/** All blocks of one role in a row: the API merges messages of the same role. */
export interface Turn {
  readonly role: CheckedMessage['role'];
  readonly blocks: readonly PlacedBlock[];
}

export interface PlacedBlock {
  readonly block: CheckedBlock;
  /** The index of its message in the request. */
  readonly message: number;
  readonly place: string;
}

/** The messages merged to turns. System messages are left out: they do not interrupt a turn. */
export function mergedTurns(messages: readonly CheckedMessage[]): Turn[] {
  const turns: { role: CheckedMessage['role']; blocks: PlacedBlock[] }[] = [];
  for (const { role, blocks, index } of messages) {
    if (role === 'system') continue;
    const placed = blocks.map((block, at) => ({
      block,
      message: index,
      place: `messages.${index}.content.${at}`,
    }));
    const last = turns.at(-1);
    if (last?.role === role) last.blocks.push(...placed);
    else turns.push({ role, blocks: placed });
  }
  return turns;
}
