import { cutText, REST_IS_LOST } from '../calls/texts.ts';
import type { ToolResultBlock, ToolResultContent } from './messages.ts';

/**
 * How much of a tool's text the model sees unless the tool says otherwise. It is about 25,000 tokens at four
 * bytes each, and a third more with the newest tokenizers: the most that Anthropic's own coding agent accepts
 * from a tool by default. Five such results still fit into the smallest window (200,000 tokens), and hardly
 * anything that was written for a model is longer.
 * https://www.anthropic.com/engineering/writing-tools-for-agents
 */
export const DEFAULT_RESULT_BYTES = 100_000;

/**
 * The share of the beginning. It says what the text is, and lists mostly begin with what matters; but totals,
 * errors and exit codes are at the end, and a model that does not see them calls again.
 */
const HEAD_SHARE = 2 / 3;

/** A cut moves to a line end this near: most lines are shorter, and whole lines read better. */
const LINE_CHARACTERS = 200;
/** The share of the shown text that this may cost, so that a low limit is not spent on whole lines. */
const LINE_SHARE = 1 / 8;

/** If several texts share a limit and each would get less than this, the notices would outweigh the texts. */
const MIN_SHOWN_BYTES = 1_000;

/** A part of `resultText`, in characters: from the first to before the last. */
export interface Span {
  from: number;
  to: number;
}

export interface CutResult {
  content: ToolResultContent;
  /** Absent where nothing was cut. */
  cut?: { totalBytes: number; shownBytes: number };
}

type TextBlock = Extract<ToolResultBlock, { type: 'text' }>;

/** All texts of a result in one. Offsets of omitted parts refer to it. */
export function resultText(content: ToolResultContent): string {
  return textBlocks(content)
    .map(({ text }) => text)
    .join('\n');
}

/**
 * Cuts the text of a result to `limit` bytes of UTF-8, with a notice at the cut that gives the sizes and
 * says, in the words of `tellRest`, how to get the rest. Notices are not counted.
 *
 * Only text counts, and only text is cut: half an image cannot be shown. Of several texts the longest are
 * cut, so that a short one beside a long one stays whole.
 */
export function cutResult(
  content: ToolResultContent,
  limit: number,
  tellRest: (leftOut: Span) => string = () => REST_IS_LOST,
): CutResult {
  const joined = resultText(content);
  const totalBytes = utf8Bytes(joined);
  if (totalBytes <= limit) return { content };
  const spans = spansToLeaveOut(place(textBlocks(content)), joined, { totalBytes, limit });
  const cuts = spans.map(({ bytes, ...span }) => ({
    span,
    bytes,
    notice: cutText(bytes, totalBytes, tellRest(span)),
  }));
  const shownBytes = cuts.reduce((shown, { bytes }) => shown - bytes, totalBytes);
  return { content: withCuts(content, cuts), cut: { totalBytes, shownBytes } };
}

const encoder = new TextEncoder();

/** Length of a text in UTF-8. Short ones are counted by hand; `Buffer` does not exist in the workflow sandbox. */
export function utf8Bytes(text: string): number {
  if (text.length > 10_000) return encoder.encode(text).length;
  let bytes = 0;
  for (let i = 0; i < text.length; i++) bytes += unitBytes(text.charCodeAt(i));
  return bytes;
}

/** Whether a cut before this character would split an emoji. */
export function isInsidePair(text: string, index: number): boolean {
  return isBetween(text.charCodeAt(index - 1), 0xd800, 0xdbff) && isLow(text.charCodeAt(index));
}

/** A text and its place in `resultText`. */
interface PlacedText {
  block: TextBlock;
  start: number;
  end: number;
}

interface Cut {
  span: Span;
  notice: string;
}

function textBlocks(content: ToolResultContent): TextBlock[] {
  if (typeof content === 'string') return [{ type: 'text', text: content }];
  return content.filter((block) => block.type === 'text');
}

function place(blocks: readonly TextBlock[]): PlacedText[] {
  let start = 0;
  return blocks.map((block) => {
    const placed = { block, start, end: start + block.text.length };
    start = placed.end + 1;
    return placed;
  });
}

/** An omitted part, with its length in UTF-8. */
interface LeftOut extends Span {
  bytes: number;
}

/** One span in each of the longest texts, or one across all of them if too little would be left of each. */
function spansToLeaveOut(
  texts: readonly PlacedText[],
  joined: string,
  { totalBytes, limit }: { totalBytes: number; limit: number },
): LeftOut[] {
  const newlines = texts.length - 1;
  const sizes = texts.length === 1 ? [totalBytes] : texts.map(({ block }) => utf8Bytes(block.text));
  const share = fairShare(sizes, limit - newlines);
  if (share < MIN_SHOWN_BYTES) return [middleOf(joined, totalBytes, limit)];
  return texts.flatMap(({ block, start }, i) => {
    const size = sizes[i] as number;
    if (size <= share) return [];
    const { from, to, bytes } = middleOf(block.text, size, share);
    return [{ from: start + from, to: start + to, bytes }];
  });
}

/** The largest share of each text: those that need less leave the rest of their share to the others. */
function fairShare(sizes: readonly number[], room: number): number {
  let left = room;
  let fair = room;
  for (const [i, size] of sizes.toSorted((a, b) => a - b).entries()) {
    const share = Math.floor(left / (sizes.length - i));
    if (size > share) fair = Math.min(fair, share);
    left -= Math.min(size, share);
  }
  return fair;
}

/** What to omit from a text of `size` bytes, which is longer than `limit`. */
function middleOf(text: string, size: number, limit: number): LeftOut {
  const headBytes = Math.ceil(limit * HEAD_SHARE);
  const from = headEnd(text, headBytes);
  const to = tailStart(text, limit - headBytes);
  // Count what is shown: it is shorter than what is omitted.
  const bytes = size - utf8Bytes(text.slice(0, from)) - utf8Bytes(text.slice(to));
  return { from, to, bytes };
}

function headEnd(text: string, bytes: number): number {
  let end = 0;
  let used = unitBytes(text.charCodeAt(end));
  while (used <= bytes) {
    end += 1;
    used += unitBytes(text.charCodeAt(end));
  }
  if (isInsidePair(text, end)) end -= 1;
  if (text[end] === '\n') return end;
  const lineEnd = end === 0 ? 0 : text.lastIndexOf('\n', end - 1) + 1;
  return lineEnd > 0 && end - lineEnd <= nearby(end) ? lineEnd : end;
}

function tailStart(text: string, bytes: number): number {
  let start = text.length;
  let used = unitBytes(text.charCodeAt(start - 1));
  while (used <= bytes) {
    start -= 1;
    used += unitBytes(text.charCodeAt(start - 1));
  }
  if (isInsidePair(text, start)) start += 1;
  const lineStart = text.indexOf('\n', start - 1) + 1;
  const isNear = lineStart - start <= nearby(text.length - start);
  // A newline at the very end begins no line.
  return lineStart > 0 && lineStart < text.length && isNear ? lineStart : start;
}

function nearby(shownCharacters: number): number {
  return Math.min(LINE_CHARACTERS, shownCharacters * LINE_SHARE);
}

function withCuts(content: ToolResultContent, cuts: readonly Cut[]): ToolResultContent {
  const shown = place(textBlocks(content)).map((text) => shownText(text, cuts));
  if (typeof content === 'string') return shown.join('');
  let next = 0;
  return content.flatMap((block): ToolResultBlock[] => {
    if (block.type !== 'text') return [block];
    const text = shown[next++] as string;
    if (text === block.text) return [block];
    // The API rejects texts without any visible character.
    return text.trim() === '' ? [] : [{ ...block, text }];
  });
}

function shownText({ block: { text }, start, end }: PlacedText, cuts: readonly Cut[]): string {
  const cut = cuts.find(({ span }) => span.from <= end && span.to > start);
  if (cut === undefined) return text;
  const { span, notice } = cut;
  const tail = text.slice(Math.max(0, span.to - start));
  // The notice of a cut through several texts is in the first of them.
  if (span.from < start) return tail;
  const head = text.slice(0, span.from - start);
  const before = head === '' || head.endsWith('\n') ? head : `${head}\n`;
  const after = tail === '' || tail.startsWith('\n') ? tail : `\n${tail}`;
  return `${before}${notice}${after}`;
}

/** The bytes of UTF-8 for a unit of UTF-16: the two units of a surrogate pair take four bytes. */
function unitBytes(unit: number): number {
  if (unit < 0x80) return 1;
  return unit < 0x800 || isBetween(unit, 0xd800, 0xdfff) ? 2 : 3;
}

function isLow(unit: number): boolean {
  return isBetween(unit, 0xdc00, 0xdfff);
}

function isBetween(unit: number, first: number, last: number): boolean {
  return unit >= first && unit <= last;
}
