import { isRecord } from '../json.ts';

// JavaScript reads JSON with losses: 9100200300400500601 becomes 9100200300400501000, `1e400` becomes
// Infinity, `1.0` becomes 1, and keys that are digits move to the front. But what a model wrote must go back
// to it unchanged. So a block that JavaScript cannot hold keeps the JSON text of the field beside it:
//
//   { type: 'tool_use', input: { id: 9100200300400501000 },
//     plait_json: { input: '{"id":9100200300400500601}' } }
//
// The text replaces the field in the request. Everything here takes linear time, because the texts come from
// outside.

/** Plait's own field of a block, which the API never sees: the JSON texts of other fields, by field name. */
export const EXACT_FIELD = 'plait_json';

/** A block that may have this field. */
export interface WithExactTexts {
  plait_json?: Record<string, string>;
}

/** Deeper values never enter a conversation: much of the code that reads them is recursive. */
export const MAX_NESTING = 200;

export function isNestedDeeper(value: unknown, limit: number = MAX_NESTING): boolean {
  let level: object[] = typeof value === 'object' && value !== null ? [value] : [];
  for (let depth = 0; level.length > 0; depth += 1) {
    if (depth === limit) return true;
    level = level.flatMap((one) =>
      Object.values(one).filter(
        (inner): inner is object => typeof inner === 'object' && inner !== null,
      ),
    );
  }
  return false;
}

/** Whether it holds more values than `limit`, itself included. */
export function hasMoreValues(value: unknown, limit: number): boolean {
  const open: unknown[] = [value];
  for (let seen = 1; open.length > 0; seen += 1) {
    if (seen > limit) return true;
    const one = open.pop();
    if (typeof one !== 'object' || one === null) continue;
    for (const inner of Object.values(one)) open.push(inner);
  }
  return false;
}

/**
 * The same JSON without spaces between its tokens, and each token as `JSON.stringify` writes it, except that
 * numbers and the order of keys stay. It equals `JSON.stringify(JSON.parse(text))` exactly if JavaScript
 * loses nothing. The text must be valid JSON.
 */
export function compactJson(text: string): string {
  const tokens: string[] = [];
  scan(text, (start, end) => {
    const token = text.slice(start, end);
    tokens.push(
      token.startsWith('"') && token.includes('\\') ? JSON.stringify(JSON.parse(token)) : token,
    );
  });
  return tokens.join('');
}

/** The JSON text to keep beside the value that was read from it; `undefined` if the value itself is exact. */
export function exactText(text: string, value: unknown): string | undefined {
  const written = JSON.stringify(value);
  if (text === written) return undefined;
  const compact = compactJson(text);
  return compact === written ? undefined : compact;
}

/** The JSON texts of the members of an object within a JSON text. */
export function memberTexts(text: string, path: readonly (string | number)[]): Map<string, string> {
  const members = new Map<string, string>();
  walk(text, ({ places, start, end }) => {
    const last = places.at(-1);
    const isMember =
      places.length === path.length + 1 &&
      typeof last === 'string' &&
      path.every((place, i) => place === places[i]);
    if (isMember) members.set(last, compactJson(text.slice(start, end)));
  });
  return members;
}

/** Why a tool would not get what the model wrote. */
export type Inexact =
  /** A number that JavaScript would change. */
  | { type: 'number'; path: string; literal: string }
  /** A key that comes twice: only the last value would arrive. */
  | { type: 'duplicate key'; path: string };

/** Why a value differs from the JSON text that it was read from. */
export function inexactOf(text: string, value: unknown): Inexact | undefined {
  return isNestedDeeper(value) || exactText(text, value) === undefined
    ? undefined
    : findInexact(text);
}

/** The first such place in a JSON text. */
export function findInexact(text: string): Inexact | undefined {
  let found: Inexact | undefined;
  walk(
    text,
    ({ places, start, end }) => {
      if (found !== undefined || !/[-\d]/.test(text.charAt(start))) return;
      const literal = text.slice(start, end);
      if (!isHeld(literal)) found = { type: 'number', path: pathText(places), literal };
    },
    (places) => {
      found ??= { type: 'duplicate key', path: pathText(places) };
    },
  );
  return found;
}

/**
 * Whether JavaScript holds the number that the model wrote. A double has about 16 digits: the rest of a
 * fraction does not matter, but every digit of a whole number does, since it may be an id.
 */
function isHeld(literal: string): boolean {
  const value = Number(literal);
  if (!Number.isFinite(value)) return false;
  if (value === 0) return !/[1-9]/.test(literal.replace(/e.*/i, ''));
  if (Math.abs(value) <= Number.MAX_SAFE_INTEGER) return true;
  // Bounded, so that `BigInt` reads at most 309 digits.
  const [, whole, rest = ''] = /^(-?\d+)(.*)$/s.exec(literal) as unknown as [
    string,
    string,
    string?,
  ];
  if (!/e/i.test(rest)) return BigInt(whole) === BigInt(value);
  return digitsOf(literal) === digitsOf(String(value));
}

/** The significant digits, without outer zeros, point and exponent. */
function digitsOf(literal: string): string {
  const digits = literal.replace(/e.*/i, '').replaceAll(/\D/g, '').replace(/^0+/, '');
  let end = digits.length;
  // Not a regular expression, which would start over at every zero.
  while (digits.charAt(end - 1) === '0') end -= 1;
  return digits.slice(0, end);
}

/**
 * The texts that a block may be sent with. A block may come from outside, so a text counts only if it has the
 * same value: then it says the same as the block, only more exactly.
 */
export function trustedTexts(block: object): [field: string, text: string][] {
  const texts: unknown = (block as WithExactTexts)[EXACT_FIELD];
  if (!isRecord(texts)) return [];
  return Object.entries(texts).filter((entry): entry is [string, string] =>
    isTextOf(entry[1], (block as Record<string, unknown>)[entry[0]]),
  );
}

function isTextOf(text: unknown, value: unknown): boolean {
  if (typeof text !== 'string' || value === undefined || isNestedDeeper(value)) return false;
  try {
    const read: unknown = JSON.parse(text);
    return !isNestedDeeper(read) && JSON.stringify(read) === JSON.stringify(value);
  } catch {
    return false;
  }
}

/** `order.items[2].id`. */
function pathText(places: readonly (string | number)[]): string {
  return places
    .map((place, i) => (typeof place === 'number' ? `[${place}]` : `${i === 0 ? '' : '.'}${place}`))
    .join('');
}

/** A value in a JSON text: where it stands in the document, and in the text. */
interface Found {
  /** Keys and indexes. The same list is reused for every value, so it is valid only during the visit. */
  places: readonly (string | number)[];
  start: number;
  end: number;
}

interface Container {
  start: number;
  /** The keys of the object so far; absent for a list. */
  keys?: Set<string>;
  /** Whether the next text is a key. */
  expectsKey: boolean;
}

/** Visits every value after the values within it, and every duplicate key. */
function walk(
  text: string,
  visit: (found: Found) => void,
  visitDuplicate: (places: readonly (string | number)[]) => void = () => undefined,
): void {
  const containers: Container[] = [];
  const places: (string | number)[] = [];
  scan(text, (start, end) => {
    const container = containers.at(-1);
    switch (text[start]) {
      case '{':
        containers.push({ start, keys: new Set(), expectsKey: true });
        places.push('');
        return;
      case '[':
        containers.push({ start, expectsKey: false });
        places.push(0);
        return;
      case '}':
      case ']':
        containers.pop();
        places.pop();
        visit({ places, start: (container as Container).start, end });
        return;
      case ':':
        return;
      case ',': {
        const last = places.length - 1;
        if (container?.keys === undefined) places[last] = (places[last] as number) + 1;
        else container.expectsKey = true;
        return;
      }
      default:
        if (container?.keys === undefined || !container.expectsKey) {
          visit({ places, start, end });
          return;
        }
        container.expectsKey = false;
        places[places.length - 1] = JSON.parse(text.slice(start, end)) as string;
        if (container.keys.has(places.at(-1) as string)) visitDuplicate(places);
        container.keys.add(places.at(-1) as string);
    }
  });
}

/** Visits the tokens of a valid JSON text: brackets, commas, colons, texts, numbers and names. */
function scan(text: string, visit: (start: number, end: number) => void): void {
  for (let at = 0; at < text.length;) {
    const start = at;
    const first = text.charCodeAt(start);
    at = first === QUOTE ? textEnd(text, start) : tokenEnd(text, start);
    if (!isSpace(first)) visit(start, at);
  }
}

/** The end of a text: after the first quote with an even number of backslashes before it. */
function textEnd(text: string, start: number): number {
  let at = start + 1;
  while (at < text.length && text.charCodeAt(at) !== QUOTE) {
    at += text.charCodeAt(at) === BACKSLASH ? 2 : 1;
  }
  return at + 1;
}

function tokenEnd(text: string, start: number): number {
  let end = start + 1;
  if (endsToken(text.charCodeAt(start))) return end;
  while (end < text.length && !endsToken(text.charCodeAt(end))) end += 1;
  return end;
}

const QUOTE = 0x22;
const BACKSLASH = 0x5c;

function isSpace(code: number): boolean {
  return code === 0x20 || code === 0x0a || code === 0x0d || code === 0x09;
}

/** Brackets, commas, colons and spaces separate tokens, and each is a token itself. */
function endsToken(code: number): boolean {
  return (
    code === 0x2c ||
    code === 0x3a ||
    code === 0x5b ||
    code === 0x5d ||
    code === 0x7b ||
    code === 0x7d ||
    isSpace(code)
  );
}
