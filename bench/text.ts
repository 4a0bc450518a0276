/** The widths of the columns after the name. A line stays below 100 columns. */
const WIDTHS = [11, 17, 7, 9, 8, 12, 9] as const;
const NAME_WIDTH = 24;

export function row(name: string, cells: readonly string[]): string {
  const padded = cells.map((cell, i) => cell.padStart(WIDTHS[i] ?? 0));
  return `${name.padEnd(NAME_WIDTH)}${padded.join('')}`.trimEnd();
}

export function whole(value: number): string {
  return Math.round(value).toLocaleString('en');
}

/** In thousands of bytes. */
export function kilobytes(bytes: number): string {
  const digits = { minimumFractionDigits: 1, maximumFractionDigits: 1 };
  return `${(bytes / 1_000).toLocaleString('en', digits)} kB`;
}

export function perSecond(turns: number, ms: number): number {
  return (turns / ms) * 1_000;
}

/** A count, or the mean of some. */
export function count(value: number): string {
  return value.toLocaleString('en', { maximumFractionDigits: 1 });
}
