import { stripVTControlCharacters } from 'node:util';
import { columnsOf } from '../text.ts';

/** What is drawn at the bottom of the screen. No line is as wide as the terminal. */
export interface Frame {
  lines: readonly string[];
  /** The position of the cursor; the first line and column are 0. */
  cursor: { row: number; column: number };
}

/** The part of a terminal that is used. */
export interface Terminal {
  columns?: number;
  write(text: string): unknown;
}

const ESC = '\u001B[';
// Terminals that support it show a frame only when it is complete. Others ignore it.
const BEGIN_FRAME = `${ESC}?2026h${ESC}?25l`;
const END_FRAME = `${ESC}?25h${ESC}?2026l`;
const ERASE_LINE_END = `${ESC}K`;
const ERASE_BELOW = `${ESC}J`;

/**
 * The bottom of a terminal: drawn again and again below what is printed, with the real cursor in it.
 * Lines are overwritten and never erased first, so that nothing flickers.
 */
export class LiveRegion {
  private readonly out: Terminal;
  private shown: Frame | undefined;
  private columns: number | undefined;

  constructor(out: Terminal) {
    this.out = out;
  }

  draw(frame: Frame): void {
    const isSame = JSON.stringify(frame) === JSON.stringify(this.shown);
    if (isSame && this.columns === this.out.columns) return;
    this.out.write(BEGIN_FRAME + this.toTop() + this.drawn(frame) + END_FRAME);
  }

  /** Writes lines above the region, where they stay. */
  print(lines: readonly string[]): void {
    const text = lines.map((line) => `${line}${ERASE_LINE_END}\n`).join('');
    const frame = this.shown;
    const below = frame === undefined ? '' : this.drawn(frame);
    // The printed lines begin where the region began, so the region is overwritten or erased.
    const top = this.shown === undefined ? '' : this.toTop() + ERASE_BELOW;
    this.out.write(BEGIN_FRAME + top + text + below + END_FRAME);
  }

  /** Erases the region. */
  clear(): void {
    this.out.write(this.toTop() + ERASE_BELOW);
    this.shown = undefined;
  }

  private drawn(frame: Frame): string {
    const { lines, cursor } = frame;
    this.shown = frame;
    this.columns = this.out.columns;
    const text = lines.map((line) => line + ERASE_LINE_END).join('\n');
    return text + ERASE_BELOW + up(lines.length - 1 - cursor.row) + toColumn(cursor.column);
  }

  /** Moves to where the region begins, even when a narrower terminal has broken its lines. */
  private toTop(): string {
    if (this.shown === undefined) return '';
    const { lines, cursor } = this.shown;
    const columns = this.out.columns ?? Number.POSITIVE_INFINITY;
    const rowsOf = (width: number) => Math.max(1, Math.ceil(width / columns));
    const above = lines
      .slice(0, cursor.row)
      .reduce((rows, line) => rows + rowsOf(columnsOf(stripVTControlCharacters(line))), 0);
    return up(above + Math.floor(cursor.column / columns)) + toColumn(0);
  }
}

function up(rows: number): string {
  return rows > 0 ? `${ESC}${rows}A` : '';
}

function toColumn(column: number): string {
  return `${ESC}${column + 1}G`;
}
