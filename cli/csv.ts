/** Characters that would end a value or be lost around it. */
const NEEDS_QUOTES = /[",\r\n]|^\s|\s$/;

/**
 * Spreadsheets run a text that begins so as a formula, also in quotes: https://owasp.org/www-community/attacks/CSV_Injection
 */
const FORMULA = /^[=+\-@\t\r\n\uFF0B\uFF0D\uFF1D\uFF20]/;

/**
 * Rows as CSV, https://www.rfc-editor.org/rfc/rfc4180, each with its line break. Texts that a spreadsheet
 * would run get an apostrophe in front. `undefined` is an empty value. Pure.
 */
export function csvLines(rows: readonly (readonly (string | number | undefined)[])[]): string[] {
  return rows.map((row) => `${row.map(csvValue).join(',')}\r\n`);
}

function csvValue(value: string | number | undefined): string {
  if (value === undefined) return '';
  if (typeof value === 'number') return String(value);
  const text = FORMULA.test(value) ? `'${value}` : value;
  return NEEDS_QUOTES.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}
