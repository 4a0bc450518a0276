import type { Style } from './style.ts';
import { columnsOf, fit, oneLine } from './text.ts';

const GAP = '  ';

/**
 * Rows under headings, for a terminal of so many columns; `undefined` for a pipe. No cell is cut: where
 * they do not fit, the last columns are left out. Pure.
 */
export function tableLines(
  headings: readonly string[],
  rows: readonly (readonly string[])[],
  { columns = Number.POSITIVE_INFINITY, style }: { columns: number | undefined; style: Style },
): string[] {
  const cells = [headings, ...rows].map((row) => row.map(oneLine));
  const widths = headings.map((_, i) => Math.max(...cells.map((row) => columnsOf(row[i] ?? ''))));
  const ends = widths.map((_, i) => widths.slice(0, i + 1).reduce((sum, width) => sum + width, 0));
  const shown = ends.filter((end, i) => i === 0 || end + i * GAP.length < columns).length;
  const [head = '', ...lines] = cells.map((row) =>
    row
      .slice(0, shown)
      .map((cell, i) => fit(cell, widths[i] ?? 0))
      .join(GAP)
      .trimEnd(),
  );
  return [style.dim(head), ...lines];
}
