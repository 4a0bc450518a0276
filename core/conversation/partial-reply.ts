import type { ReplyBlock } from './messages.ts';

/**
 * What has come of a reply that is not whole yet: the heartbeat details of a model request. Only its
 * newest end, since each heartbeat writes its details to the server's database.
 */
export interface PartialReply {
  attempt: number;
  /** From 1, within the attempt: the model is asked again for an invalid reply. */
  request: number;
  /** Index, in the reply, of the first of `blocks`. */
  from: number;
  blocks: PartialBlock[];
}

export type PartialBlock =
  /** `text` is what stands from `offset` on, in UTF-16 code units. */
  | { type: 'text' | 'thinking'; offset: number; text: string }
  /** `inputLength`: characters of the input's JSON so far. */
  | { type: 'call'; id: string; name: string; inputLength: number }
  /** Not shown to a reader. */
  | { type: 'other' };

/** Room for some 4,000 tokens. Of a longer reply, a reader must have read the beginning before. */
export const PARTIAL_CHARACTERS = 16_000;

/** The JSON around a block's text. */
const BLOCK_CHARACTERS = 60;

/** The end of what has come, in at most so many characters. */
export function partialEnd(
  content: readonly (ReplyBlock | undefined)[],
  inputLength: (index: number) => number,
  characters: number = PARTIAL_CHARACTERS,
): Pick<PartialReply, 'from' | 'blocks'> {
  const blocks: PartialBlock[] = [];
  let room = characters;
  for (let index = content.length - 1; index >= 0; index -= 1) {
    const block = partialBlock(content[index], inputLength(index));
    room -= BLOCK_CHARACTERS + lengthOf(block);
    if (room >= 0) {
      blocks.unshift(block);
      continue;
    }
    const end = endOf(block, -room);
    if (end !== undefined) blocks.unshift(end);
    break;
  }
  return { from: content.length - blocks.length, blocks };
}

/** A block of a reply as a reader sees it. */
export function partialBlock(block: ReplyBlock | undefined, inputLength = 0): PartialBlock {
  switch (block?.type) {
    case 'text':
      return { type: 'text', offset: 0, text: block.text };
    case 'thinking':
      return { type: 'thinking', offset: 0, text: block.thinking };
    case 'tool_use':
      return { type: 'call', id: block.id, name: block.toolset_name ?? block.name, inputLength };
    default:
      return { type: 'other' };
  }
}

function lengthOf(block: PartialBlock): number {
  switch (block.type) {
    case 'text':
    case 'thinking':
      return block.text.length;
    case 'call':
      return block.id.length + block.name.length;
    default:
      return 0;
  }
}

/** Without so many characters of its beginning; `undefined` where nothing is left. */
function endOf(block: PartialBlock, without: number): PartialBlock | undefined {
  if (block.type !== 'text' && block.type !== 'thinking') return undefined;
  const text = block.text.slice(without);
  return text === '' ? undefined : { ...block, offset: without, text };
}
