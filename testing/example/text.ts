import { toRegExp } from '../../agents/pattern.ts';
import { textOfPattern } from './pattern.ts';

type Schema = Readonly<Record<string, unknown>>;

/** A text of each `format`. */
const FORMATS = new Map<unknown, string>([
  ['date', '2026-01-31'],
  ['date-time', '2026-01-31T12:00:00Z'],
  ['time', '12:00:00Z'],
  ['duration', 'P1D'],
  ['email', 'ada@example.com'],
  ['idn-email', 'ada@example.com'],
  ['hostname', 'example.com'],
  ['idn-hostname', 'example.com'],
  ['ipv4', '192.0.2.1'],
  ['ipv6', '2001:db8::1'],
  ['uri', 'https://example.com/'],
  ['url', 'https://example.com/'],
  ['iri', 'https://example.com/'],
  ['uri-reference', '/example'],
  ['iri-reference', '/example'],
  ['uri-template', '/example/{id}'],
  ['uuid', 'f81d4fae-7dec-4cd0-a765-00a0c91e6bf6'],
  ['json-pointer', '/example'],
  ['relative-json-pointer', '1/example'],
  ['regex', '^example$'],
  ['byte', 'ZXhhbXBsZQ=='],
  ['base64', 'ZXhhbXBsZQ=='],
]);

/** How often repeated parts are extended before giving up on the minimum length. */
const LONGEST = 200;

/** A text that a schema allows. Another `nth` gives another text if format and pattern allow it. Pure. */
export function exampleText(schema: Schema, nth: number): string {
  const { format, pattern, minLength, maxLength } = schema;
  const least = typeof minLength === 'number' ? minLength : 0;
  const most = typeof maxLength === 'number' ? maxLength : Infinity;
  const isAllowed = (text: string): boolean =>
    text.length >= least && text.length <= most && matches(text, pattern);
  const ofFormat = FORMATS.get(format);
  if (ofFormat !== undefined && isAllowed(ofFormat)) return ofFormat;
  const plain = plainText(least, most, nth);
  if (typeof pattern !== 'string' || matches(plain, pattern)) return plain;
  for (let more = nth; more <= LONGEST; more += 1) {
    const text = textOfPattern(pattern, more);
    if (text !== undefined && isAllowed(text)) return text;
  }
  for (let more = 0; more < nth; more += 1) {
    const text = textOfPattern(pattern, more);
    if (text !== undefined && isAllowed(text)) return text;
  }
  return plain;
}

function plainText(least: number, most: number, nth: number): string {
  const number = nth === 0 ? '' : `${nth + 1}`;
  const room = Math.max(0, most - number.length);
  const word = 'example'.slice(0, room);
  const long = `${word}${number}`;
  return long.slice(0, most).padStart(least, 'example');
}

function matches(text: string, pattern: unknown): boolean {
  if (typeof pattern !== 'string') return true;
  try {
    return toRegExp(pattern).test(text);
  } catch {
    return false;
  }
}
