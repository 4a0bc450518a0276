import { escapeHtml } from '../../core/html.ts';
import { printable } from '../text.ts';

/** A piece of a page that is safe to insert. */
export class Markup {
  readonly text: string;

  constructor(text: string) {
    this.text = text;
  }
}

type Piece = string | number | Markup | readonly Markup[];

/**
 * A piece of a page. Inserted values are escaped unless they are pieces themselves: words of a model, a tool
 * or a person stay words, within attributes too.
 */
export function markup(texts: TemplateStringsArray, ...pieces: readonly Piece[]): Markup {
  const parts = texts.map((text, i) => (i === 0 ? text : pieceText(pieces[i - 1] ?? '') + text));
  return new Markup(parts.join(''));
}

/** The piece for a value; empty if there is no value. */
export function maybe<T>(value: T | undefined, piece: (value: T) => Markup): Markup {
  return value === undefined ? new Markup('') : piece(value);
}

function pieceText(piece: Piece): string {
  if (piece instanceof Markup) return piece.text;
  if (typeof piece === 'object') return piece.map(({ text }) => text).join('');
  return escaped(String(piece));
}

/** Hidden characters become their numbers, as in a terminal: they could reverse a line. */
function escaped(text: string): string {
  return escapeHtml(printable(text));
}
