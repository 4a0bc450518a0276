import type { TurnSnapshot } from '../../client/follow/snapshot.ts';
import { drawTree } from '../live-tree.ts';
import { partialLines } from '../partial-text.ts';
import type { Style } from '../style.ts';
import { columnsOf, cutTo, oneLine, visible } from '../text.ts';
import type { Typed } from './line-editor.ts';
import type { Frame } from './live-region.ts';

/** Everything at the bottom of the screen. */
export interface ChatState {
  /** The turn that runs. */
  turn: TurnSnapshot | undefined;
  /** What the model has written so far. */
  partial: string;
  /** Messages whose turns have not begun, each with its state. */
  waiting: readonly string[];
  /** A line for what the person should know now. */
  status: string | undefined;
  prompt: string;
  typed: Typed;
}

export interface FrameOptions {
  columns: number;
  rows: number;
  /** Milliseconds since the epoch. */
  now: number;
  style: Style;
}

/** How many lines of typed text are shown: the last ones. */
const TYPED_ROWS = 8;
const WAITING_ROWS = 3;

/** Draws the bottom of the screen. It always fits: the top of the tree is left out if needed. Pure. */
export function chatFrame(state: ChatState, options: FrameOptions): Frame {
  const { columns, rows, style } = options;
  const room = Math.max(1, columns - 1);
  const input = typedRows(state.prompt, state.typed, room);
  const first = Math.max(0, input.row - TYPED_ROWS + 1);
  const shownInput = input.rows.slice(first, Math.max(first + TYPED_ROWS, input.row + 1));
  const below = [
    ...waitingLines(state.waiting, room, style),
    ...(state.status === undefined
      ? []
      : [style.yellow(cutTo(`  ${oneLine(state.status)}`, room))]),
  ];
  const gap = [''];
  // One row stays free, so that the screen does not scroll.
  const free = rows - shownInput.length - below.length - 2 * gap.length - 1;
  const partial = partialLines(state.partial, { ...options, rows: free - 1 });
  const tree = treeLines(state.turn, free - partial.length, options);
  const above = [...tree, ...partial, ...below];
  const lines = [...gap, ...(above.length === 0 ? [] : [...above, ...gap]), ...shownInput];
  const row = lines.length - shownInput.length + input.row - first;
  return { lines, cursor: { row, column: input.column } };
}

function treeLines(turn: TurnSnapshot | undefined, free: number, options: FrameOptions): string[] {
  if (turn === undefined || free < 1) return [];
  const lines = drawTree(turn, options);
  if (lines.length <= free) return lines;
  const missing = lines.length - free + 1;
  const notice = options.style.dim(cutTo(`  … ${missing} lines above`, options.columns - 1));
  return [notice, ...lines.slice(missing)];
}

function waitingLines(waiting: readonly string[], room: number, style: Style): string[] {
  const shown = waiting.slice(0, WAITING_ROWS);
  const more = waiting.length - shown.length;
  return [
    ...shown.map((text) => style.dim(cutTo(`  ${oneLine(text)}`, room))),
    ...(more === 0 ? [] : [style.dim(`  … and ${more} more`)]),
  ];
}

const segmenter = new Intl.Segmenter(undefined, { granularity: 'grapheme' });

/** The typed text, broken into rows of the terminal, and the position of the cursor in them. */
function typedRows(
  prompt: string,
  { lines, before }: Typed,
  room: number,
): { rows: string[]; row: number; column: number } {
  const margin = ' '.repeat(columnsOf(prompt));
  const rows: string[] = [];
  let cursor = { row: 0, column: 0 };
  lines.forEach((line, i) => {
    const head = i === 0 ? prompt : margin;
    if (i === lines.length - 1) {
      const upTo = broken(head + typedText(before), room);
      cursor = { row: rows.length + upTo.length - 1, column: columnsOf(upTo.at(-1) ?? '') };
    }
    rows.push(...broken(head + typedText(line), room));
  });
  // After a full row, the cursor is at the beginning of the next.
  if (cursor.column >= room) {
    cursor = { row: cursor.row + 1, column: 0 };
    if (rows.length === cursor.row) rows.push('');
  }
  return { rows, ...cursor };
}

/** A tab would move the cursor by more than one column. */
function typedText(text: string): string {
  return visible(text.replaceAll('\t', ' '));
}

function broken(text: string, room: number): string[] {
  const rows: string[] = [];
  let row = '';
  let used = 0;
  for (const { segment } of segmenter.segment(text)) {
    const columns = columnsOf(segment);
    if (used + columns > room) {
      rows.push(row);
      row = '';
      used = 0;
    }
    row += segment;
    used += columns;
  }
  return [...rows, row];
}
