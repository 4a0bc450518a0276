import type { ReplyBlock } from './messages.ts';

/**
 * What has come of an incomplete reply: the heartbeat details of a model request. Only the newest end, since
 * each heartbeat writes its details to the server's database.
 */
export interface PartialReply {
  attempt: number;
  /** From 1, within the attempt: the model is asked again after an invalid reply. */
  request: number;
  /** Index in the reply of the first of `blocks`. */
  from: number;
  blocks: PartialBlock[];
}

/** The end of a partial reply. */
export type PartialEnd = Pick<PartialReply, 'from' | 'blocks'>;

/** What a transport carries of an incomplete reply. */
export interface ReplyPiece {
  /** The request's `pieceRequest`. */
  request: string;
  partial: PartialReply;
}

/**
 * Names a model request in pieces: the same name for all of its attempts, and another if the round asks
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
  /** `text` begins at `offset`, in UTF-16 code units. */
  | { type: 'text' | 'thinking'; offset: number; text: string }
  /** `inputLength`: characters of the input's JSON so far. */
  | { type: 'call'; id: string; name: string; inputLength: number }
  /** Readers do not see these blocks. */
  | { type: 'other' };

/** Room for about 4,000 tokens. For the beginning of a longer reply, a reader must have been there before. */
export const PARTIAL_CHARACTERS = 16_000;

/** For the JSON around a block's text. */
const BLOCK_CHARACTERS = 60;

/** The end of what has come, limited to this many characters. */
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
  /** For the last block: characters of its text or input. */
  length: number;
}

export function reachOf({ from, blocks }: PartialEnd): Reach {
  return { blocks: from + blocks.length, length: reachOfBlock(blocks.at(-1)) };
}

/** The part of `end` that came after the reply had grown to `sent`; `undefined` if there is none. */
export function partialAfter(end: PartialEnd, sent: Reach): PartialEnd | undefined {
  const reach = reachOf(end);
  const grew = reach.blocks - sent.blocks || reach.length - sent.length;
  if (grew === 0) return undefined;
  const from = sent.blocks - 1;
  // Send the whole end: a gateway may start over within a stream, and more may have come than an end holds.
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

/** A block of a reply as readers see it. */
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

/** The block without its first characters; `undefined` if nothing is left. */
function endOf(block: PartialBlock, without: number): PartialBlock | undefined {
  if (block.type !== 'text' && block.type !== 'thinking') return undefined;
  const text = block.text.slice(without);
  return text === '' ? undefined : { ...block, offset: without, text };
}
