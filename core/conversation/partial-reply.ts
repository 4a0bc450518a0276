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

/** The end of a partial reply. */
export type PartialEnd = Pick<PartialReply, 'from' | 'blocks'>;

/** What a transport brings of a reply that is not whole yet. */
export interface ReplyPiece {
  /** `pieceRequest` of the model request. */
  request: string;
  partial: PartialReply;
}

/**
 * Names a model request in pieces: the same for all of its attempts, and another where the same round asks
 * another model. `scheduledAt`: milliseconds since the epoch.
 */
export function pieceRequest(activityId: string, scheduledAt: number): string {
  return `${activityId}@${scheduledAt}`;
}

/** Where the pieces of a turn's replies are published. */
export function turnChannel(namespace: string, turnId: string): string {
  return `plait:${encodeURIComponent(namespace)}:${turnId}`;
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
): PartialEnd {
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

/** How far a reply has grown. */
export interface Reach {
  blocks: number;
  /** Of the last block: characters of its text or input. */
  length: number;
}

export function reachOf({ from, blocks }: PartialEnd): Reach {
  return { blocks: from + blocks.length, length: reachOfBlock(blocks.at(-1)) };
}

/** What of `end` came after the reply had grown to `sent`; `undefined` where nothing did. */
export function partialAfter(end: PartialEnd, sent: Reach): PartialEnd | undefined {
  const reach = reachOf(end);
  const grew = reach.blocks - sent.blocks || reach.length - sent.length;
  if (grew === 0) return undefined;
  const from = sent.blocks - 1;
  // A gateway may begin again within a stream, and more may have come than an end holds.
  if (grew < 0 || end.from > from) return end;
  const blocks = end.blocks.slice(from - end.from);
  return {
    from,
    blocks: blocks.map((block, i) => (i === 0 ? blockAfter(block, sent.length) : block)),
  };
}

function blockAfter(block: PartialBlock, length: number): PartialBlock {
  if (block.type !== 'text' && block.type !== 'thinking') return block;
  const { offset, text } = block;
  return length <= offset ? block : { ...block, offset: length, text: text.slice(length - offset) };
}

function reachOfBlock(block: PartialBlock | undefined): number {
  switch (block?.type) {
    case 'text':
    case 'thinking':
      return block.offset + block.text.length;
    case 'call':
      return block.inputLength;
    default:
      return 0;
  }
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
