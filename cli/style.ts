import { styleText } from 'node:util';

type Paint = (text: string) => string;

/** Functions that paint a text, or leave it plain. */
export type Style = Readonly<Record<'bold' | 'dim' | 'red' | 'green' | 'yellow' | 'cyan', Paint>>;

const same: Paint = (text) => text;

export const PLAIN: Style = {
  bold: same,
  dim: same,
  red: same,
  green: same,
  yellow: same,
  cyan: same,
};

const COLOURED: Style = {
  bold: (text) => styleText('bold', text),
  dim: (text) => styleText('dim', text),
  red: (text) => styleText('red', text),
  green: (text) => styleText('green', text),
  yellow: (text) => styleText('yellow', text),
  cyan: (text) => styleText('cyan', text),
};

/** Colours for a terminal, unless NO_COLOR (https://no-color.org) is set. */
export function styleFor(stream: { isTTY?: boolean }, env = process.env): Style {
  const wanted = (env['NO_COLOR'] ?? '') === '' && env['TERM'] !== 'dumb';
  return stream.isTTY === true && wanted ? COLOURED : PLAIN;
}
