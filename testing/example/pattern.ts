/**
 * A text that a regular expression matches, with `more` repetitions than each quantifier asks for.
 * Best effort: conditions such as lookaheads are ignored, so check the text. `undefined` for a pattern
 * that this cannot read. Pure.
 */
export function textOfPattern(pattern: string, more: number): string | undefined {
  const tokens = pattern.match(TOKENS) ?? [];
  const { text, next } = readAlternatives(tokens, 0, more);
  return next === tokens.length ? text : undefined;
}

/** A class, the beginning of a group, a quantifier, an escape, or one character. */
const TOKENS =
  /\[\^?\]?(?:\\[\s\S]|[^\]\\])*\]|\((?:\?(?:P?<\w+>|<?[=!]|[ims]*[:)]))?|\{\d+(?:,\d*)?\}\??|[*+?]\??|\\(?:u[\da-fA-F]{4}|x[\da-fA-F]{2}|[pP]\{\w+\}|[\s\S])|[\s\S]/gu;

interface Part {
  text: string;
  /** The first token after it. */
  next: number;
}

/** Reads up to a closing parenthesis, and takes the first alternative. */
function readAlternatives(tokens: readonly string[], from: number, more: number): Part {
  let at = from;
  const texts: string[] = [''];
  while (at < tokens.length && tokens[at] !== ')') {
    if (tokens[at] === '|') {
      texts.push('');
      at += 1;
      continue;
    }
    const part = readPart(tokens, at, more);
    const quantifier = tokens[part.next];
    const range = rangeOf(quantifier);
    const times = range === undefined ? 1 : Math.min(range.most, range.least + more);
    texts.push((texts.pop() ?? '') + part.text.repeat(times));
    at = range === undefined ? part.next : part.next + 1;
  }
  return { text: texts[0] ?? '', next: at };
}

function readPart(tokens: readonly string[], at: number, more: number): Part {
  const token = tokens[at] ?? '';
  if (!token.startsWith('(')) return { text: characterOf(token), next: at + 1 };
  if (token.endsWith(')')) return { text: '', next: at + 1 };
  const { text, next } = readAlternatives(tokens, at + 1, more);
  const isCondition = /^\(\?<?[=!]/.test(token);
  return { text: isCondition ? '' : text, next: next + 1 };
}

function rangeOf(token: string | undefined): { least: number; most: number } | undefined {
  if (token === undefined) return undefined;
  if (/^\*\??$/.test(token)) return { least: 0, most: Infinity };
  if (/^\+\??$/.test(token)) return { least: 1, most: Infinity };
  if (/^\?\??$/.test(token)) return { least: 0, most: 1 };
  const [, least, comma, most] = /^\{(\d+)(,?)(\d*)\}\??$/.exec(token) ?? [];
  if (least === undefined) return undefined;
  if (comma === '') return { least: Number(least), most: Number(least) };
  return { least: Number(least), most: most === '' ? Infinity : Number(most) };
}

const ESCAPES = new Map([
  ['\\d', '1'],
  ['\\w', 'a'],
  ['\\s', ' '],
  ['\\D', 'a'],
  ['\\W', '-'],
  ['\\S', 'a'],
  ['\\n', '\n'],
  ['\\t', '\t'],
  ['\\b', ''],
  ['\\B', ''],
  ['\\A', ''],
  ['\\z', ''],
  ['\\Z', ''],
]);

/** For a class of characters, tried in this order. */
const CANDIDATES = ['a', 'A', '1', '-', '_', ' ', '.', '/', ':', '@', '#', '+', 'é'];

function characterOf(token: string): string {
  if (token === '^' || token === '$') return '';
  if (token === '.') return 'a';
  if (token.startsWith('[') || /^\\[pPux]/.test(token)) return characterOfClass(token);
  return ESCAPES.get(token) ?? (token.startsWith('\\') ? token.slice(1) : token);
}

function characterOfClass(token: string): string {
  let set: RegExp;
  try {
    set = new RegExp(`^${token}$`, 'u');
  } catch {
    return '';
  }
  const members = Array.from(token.slice(1, -1).replaceAll('\\', ''));
  return [...CANDIDATES, ...members, ...ASCII].find((one) => set.test(one)) ?? '';
}

const ASCII = Array.from({ length: 95 }, (_, i) => String.fromCodePoint(32 + i));
