import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { toRegExp } from '../../agents/pattern.ts';

describe('a pattern', () => {
  test('of JavaScript is taken unchanged, with the flag u', () => {
    expect(toRegExp('^\\p{Lu}[\\w.-]+$')).toEqual(/^\p{Lu}[\w.-]+$/u);
  });

  test.for([
    // What every reader without the flag u understands.
    ['^ftp\\:\\/\\/', ['ftp://a'], ['ftp:/a', 'ftp\\://']],
    ['^[\\w-.]+$', ['a-b.c'], ['a b', '']],
    ['^[a.-\\d]$', ['a', '.', '-', '7'], ['b', '/']],
    ['^[\\w\\_\\-\\@]+$', ['a-b_c@d'], ['a b']],
    ['^\\#[0-9a-f]{6}$', ['#00ff00'], ['00ff00', '#00ff0']],
    ['^\\d{3}\\-\\d{4}$', ['555-1234'], ['5551234']],
    ['^{.*}$', ['{a}', '{}'], ['a', '{a']],
    ['^${a}$|^\\[x]$', ['[x]'], ['x']],
    ['^\\"\\\'\\!\\%\\&\\,\\;\\<\\=\\>\\`\\~\\ $', ['"\'!%&,;<=>`~ '], ['"']],
    ['^[\\p{L}\\w-.]+$', ['é-1.x'], ['{', '!']],
    // What other languages write.
    ['(?i)^abc$', ['abc', 'ABC'], ['abcd']],
    ['^(?i)abc$', ['aBc'], ['xabc']],
    ['(?ms)^a.b$', ['x\na\nb\ny'], ['ab']],
    ['\\Aabc\\Z', ['abc'], ['abc\n', 'xabc', 'x\nabc']],
    ['(?m)\\Aabc\\z', ['abc'], ['x\nabc']],
    ['^(?P<year>\\d+)-(?P=year)$', ['12-12'], ['12-13']],
    ['^[[:alpha:]_-]+$', ['ab_c-'], ['a1', ':']],
    ['^[^[:space:][:digit:]]$', ['a', '['], [' ', '7']],
    ['^\\pL+\\:$', ['é:'], ['1:', 'p7:']],
    ['^\\p{Lu}{2}\\:\\u{1F600}$', ['ÄÖ:😀'], ['ab:😀']],
  ] as const)('%j is read as intended', ([pattern, matches, others]) => {
    const regExp = toRegExp(pattern);

    expect(matches.filter((text) => !regExp.test(text))).toEqual([]);
    expect(others.filter((text) => regExp.test(text))).toEqual([]);
  });

  test.for([
    ['(?>a+)b', 'Invalid group'],
    ['a++', 'Nothing to repeat'],
    ['(?x) a b', 'Invalid group'],
    ['(?#note)a', 'Invalid group'],
    ['(abc', 'Unterminated group'],
    ['a{,3}', 'Incomplete quantifier'],
    ['\\h+', 'Invalid escape'],
    ['\\Qa.b\\E', 'Invalid escape'],
    ['[[:^alpha:]]', 'Lone quantifier brackets'],
    ['[[:nonsense:]]', 'Lone quantifier brackets'],
    ['[]abc]', 'Lone quantifier brackets'],
    ['[^]abc]', 'Lone quantifier brackets'],
    ['\\p{IsGreek}', 'Invalid property name'],
  ] as const)('%j is not read as something else', ([pattern, why]) => {
    expect(() => toRegExp(pattern)).toThrow(why);
  });

  test('means the same as without the flag u, whatever its characters are', () => {
    const part = fc.constantFrom(...PARTS);
    const pattern = fc.array(part, { minLength: 1, maxLength: 6 }).map((parts) => parts.join(''));
    const text = fc.string({ unit: fc.constantFrom(...CHARACTERS) });
    fc.assert(
      fc.property(pattern, text, (source, value) => {
        expect(toRegExp(source).test(value)).toBe(new RegExp(source).test(value));
      }),
    );
  });
});

const CHARACTERS = ['a', 'b', '1', ':', '-', '_', '}', ']', '.', '@', '/'];
const PARTS = [
  ...CHARACTERS,
  ...CHARACTERS.filter((character) => /\W|_/.test(character)).map((character) => `\\${character}`),
  '\\d',
  '\\w',
  '[ab]',
  '[a-b]',
  '[\\w-]',
  '[-\\d]',
  '[\\:-]',
  '[^\\-a]',
  '(a|b)',
  'a?',
  '1{2}',
  '^',
  '$',
];
