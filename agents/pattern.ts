/**
 * A `pattern` of a JSON Schema as a regular expression. Ajv reads patterns with the flag `u`, which rejects
 * some that everything else accepts: `^ftp\:\/\/`, `[\w-.]`. And patterns may have been written for Python,
 * Go or Java. Throws a `SyntaxError` for one that JavaScript cannot express.
 */
export function toRegExp(pattern: string): RegExp {
  try {
    return new RegExp(pattern, 'u');
  } catch (error) {
    try {
      const [head = '', start = '', flags = ''] = /^(\^?)\(\?([ims]+)\)/.exec(pattern) ?? [];
      return new RegExp(start + translated(pattern.slice(head.length)), `u${flags}`);
    } catch {
      throw error;
    }
  }
}

/** An escape, a POSIX class, a quantifier, a named group, a reference to one, or else one character. */
const PARTS =
  /\\(?:[pP]\{\w*\}|[pP][A-Z]|u\{\w*\}|k<\w*>|[\s\S])|\[:\^?\w+:\]|\{\d+(?:,\d*)?\}|\(\?P<|\(\?P=\w+\)|[\s\S]/gu;

/** Stands for several characters within a class, so a hyphen beside it is a plain hyphen. */
const SET = /^\\[dDwWsSpP]|^\[:/;

function translated(pattern: string): string {
  const parts = pattern.match(PARTS) ?? [];
  let inClass = false;
  return parts
    .map((part, i) => {
      const [before = '', after = ''] = [parts[i - 1], parts[i + 1]];
      if (!inClass) {
        inClass = part === '[';
        // In other languages this bracket is the first character of the class; in JavaScript it ends the
        // class.
        if (inClass && (after === ']' || (after === '^' && parts[i + 2] === ']')))
          throw new Error();
        return outsideClass(part, after);
      }
      inClass = part !== ']';
      if (part === '-') return SET.test(before) || SET.test(after) ? '\\-' : part;
      return insideClass(part);
    })
    .join('');
}

function outsideClass(part: string, after: string): string {
  // Some languages read {,3} as {0,3}, others as text.
  if (part === '{' && after === ',') throw new Error();
  if (part === '{' || part === '}' || part === ']') return `\\${part}`;
  if (part === '(?P<') return '(?<';
  if (part.startsWith('(?P=')) return `\\k<${part.slice(4, -1)}>`;
  if (part === '\\-') return '-';
  return ANCHORS.get(part) ?? withoutIdleEscape(part);
}

function insideClass(part: string): string {
  return part.startsWith('[:') ? posixClass(part.slice(2, -2)) : withoutIdleEscape(part);
}

const ANCHORS = new Map([
  ['\\A', '(?<![^])'],
  ['\\Z', '(?![^])'],
  ['\\z', '(?![^])'],
]);

/** Removes an escape that changes nothing (`\:`, `\@`), and writes `\pL` as `\p{L}`. */
function withoutIdleEscape(part: string): string {
  if (/^\\[pP][A-Z]$/.test(part)) return `${part.slice(0, 2)}{${part.slice(2)}}`;
  return /^\\[^\w$()*+./?[\\\]^{|}-]$/u.test(part) || part === '\\_' ? part.slice(1) : part;
}

const POSIX = new Map([
  ['alnum', '0-9A-Za-z'],
  ['alpha', 'A-Za-z'],
  ['blank', ' \\t'],
  ['cntrl', '\\x00-\\x1f\\x7f'],
  ['digit', '0-9'],
  ['graph', '!-~'],
  ['lower', 'a-z'],
  ['print', ' -~'],
  ['punct', '!-\\/:-@\\[-`{-~'],
  ['space', '\\s'],
  ['upper', 'A-Z'],
  ['word', '\\w'],
  ['xdigit', '0-9A-Fa-f'],
]);

function posixClass(name: string): string {
  const characters = POSIX.get(name);
  if (characters === undefined) throw new Error();
  return characters;
}
