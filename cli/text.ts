const graphemes = new Intl.Segmenter(undefined, { granularity: 'grapheme' });
const WIDE =
  /\p{Emoji_Presentation}|\p{Script=Han}|\p{Script=Hiragana}|\p{Script=Katakana}|\p{Script=Hangul}/u;

/** How many columns a text takes in a terminal. */
export function columnsOf(text: string): number {
  let columns = 0;
  for (const { segment } of graphemes.segment(text)) columns += WIDE.test(segment) ? 2 : 1;
  return columns;
}

/** Cut to the columns with an ellipsis, or filled up to them with spaces. */
export function fit(text: string, columns: number): string {
  const cut = cutTo(text, columns);
  return cut + ' '.repeat(Math.max(0, columns - columnsOf(cut)));
}

/** Cut to the columns, with an ellipsis: after a whole word, unless that would lose half of the text. */
export function cutTo(text: string, columns: number): string {
  if (columnsOf(text) <= columns) return text;
  if (columns < 1) return '';
  let cut = '';
  for (const { segment } of graphemes.segment(text)) {
    if (columnsOf(cut) + columnsOf(segment) > columns - 1) break;
    cut += segment;
  }
  const words = text[cut.length] === ' ' ? cut : cut.slice(0, cut.lastIndexOf(' ') + 1);
  return `${(words.length * 2 > cut.length ? words : cut).trimEnd()}…`;
}

/**
 * What a terminal does not show as it is: control and format characters (also those of C1 and of tags),
 * half emoji, characters for private use, and what looks like nothing or like an ordinary space.
 */
const HIDDEN = String.raw`[\p{Cc}\p{Cf}\p{Cs}\p{Co}\p{Zl}\p{Zp}\p{Default_Ignorable_Code_Point}\u{1680}\u{2000}-\u{200A}\u{205F}\u{2800}]`;
// Emoji contain such characters. In a sequence that Unicode lists they can hide nothing. A constructor,
// because TypeScript allows the flag `v` in a literal only for a later target.
const EMOJI_OR_HIDDEN = new RegExp(String.raw`\p{RGI_Emoji}|${HIDDEN}`, 'gv');
const ONLY_HIDDEN = new RegExp(`^${HIDDEN}$`, 'v');

function replaceHidden(text: string, replacement: (character: string) => string): string {
  return text.replaceAll(EMOJI_OR_HIDDEN, (found) =>
    ONLY_HIDDEN.test(found) ? replacement(found) : found,
  );
}

/**
 * Makes every character visible: a control, format or invisible one is written as its number, such as
 * `\u{202E}`. Words of a model, a tool or a person must neither move the cursor nor hide anything from the
 * person who decides.
 */
export function visible(text: string): string {
  return replaceHidden(text, (one) => `\\u{${one.codePointAt(0)?.toString(16).toUpperCase()}}`);
}

/** The same on one line: line breaks and tabs become spaces. */
export function oneLine(text: string): string {
  return visible(text.replaceAll(/[\t\n\v\f\r ]+/g, ' ').trim());
}

/** The same, but with line breaks and tabs. */
export function printable(text: string): string {
  return replaceHidden(text.replaceAll('\r\n', '\n'), (one) =>
    one === '\n' || one === '\t' ? one : visible(one),
  );
}

/** JSON in which every character is visible. Hidden ones become JSON escapes, so the value stays the same. */
export function visibleJson(value: unknown, indent?: number): string {
  const json = JSON.stringify(value, undefined, indent) ?? '';
  return replaceHidden(json, (one) =>
    // Line breaks within texts are escaped already.
    one === '\n' ? one : one.split('').map(jsonEscape).join(''),
  );
}

function jsonEscape(unit: string): string {
  return `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`;
}

/** Broken at spaces into lines of at most `columns`. */
export function wrap(text: string, columns: number): string[] {
  const lines: string[] = [];
  let line = '';
  for (const word of oneLine(text).split(' ')) {
    if (line !== '' && columnsOf(line) + 1 + columnsOf(word) > columns) {
      lines.push(line);
      line = '';
    }
    line = line === '' ? word : `${line} ${word}`;
  }
  return [...lines, line];
}

/** Prose wrapped at spaces. Lines that may be code or a table are not changed. */
export function paragraphs(text: string, columns: number): string[] {
  return text
    .split('\n')
    .flatMap((line) => (/^\s|\S\s{2,}\S|^[|`]/.test(line) ? [line] : wrap(line, columns - 1)));
}

/** `402 ms`, `1.51 s`, `2 min 5 s`, `3 h 20 min`. */
export function durationText(milliseconds: number): string {
  const whole = Math.max(0, Math.round(milliseconds));
  if (whole < 1_000) return `${whole} ms`;
  if (whole < 60_000) return `${(whole / 1_000).toFixed(2)} s`;
  if (whole >= 3_600_000) return spanText(whole);
  const seconds = Math.round(whole / 1_000);
  const rest = seconds % 60;
  return `${Math.floor(seconds / 60)} min${rest === 0 ? '' : ` ${rest} s`}`;
}

const UNITS = [
  { name: 'd', milliseconds: 86_400_000 },
  { name: 'h', milliseconds: 3_600_000 },
  { name: 'min', milliseconds: 60_000 },
  { name: 's', milliseconds: 1_000 },
];

/** A long time in its two largest units: `12 s`, `5 min`, `6 d 23 h`. */
export function spanText(milliseconds: number): string {
  let rest = Math.max(0, milliseconds);
  const parts = UNITS.map(({ name, milliseconds: unit }) => {
    const count = Math.floor(rest / unit);
    rest -= count * unit;
    return { name, count };
  });
  const first = parts.findIndex(({ count }) => count > 0);
  if (first === -1) return '0 s';
  // Seconds are left out beside minutes.
  const shown = parts.slice(first, first === 2 ? 3 : first + 2);
  return shown
    .filter(({ count }) => count > 0)
    .map(({ name, count }) => `${count} ${name}`)
    .join(' ');
}
