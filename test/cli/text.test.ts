import { describe, expect, it } from 'vitest';
import { withoutLargeData } from '../../cli/commands/run.ts';
import {
  columnsOf,
  cutTo,
  durationText,
  fit,
  oneLine,
  printable,
  visibleJson,
  wrap,
} from '../../cli/text.ts';
import { imageBlock, png } from '../fixtures/images.ts';

describe('text for a terminal', () => {
  it.each([
    [7, '7 ms'],
    [999.6, '1.00 s'],
    [1_512, '1.51 s'],
    [60_000, '1 min'],
    [125_400, '2 min 5 s'],
    [12_000_000, '3 h 20 min'],
    [-3, '0 ms'],
  ])('writes %d milliseconds as %s', (milliseconds, text) => {
    expect(durationText(milliseconds)).toBe(text);
  });

  it('is counted, cut and filled by columns, not by characters', () => {
    expect(columnsOf('顧客 👩‍🚀')).toBe(7);
    expect(cutTo('顧客の名前', 6)).toBe('顧客…');
    expect(fit('顧客', 6)).toBe('顧客  ');
    expect(cutTo('short', 5)).toBe('short');
  });

  it('is cut after a whole word, unless that would cost half of it', () => {
    expect(cutTo('order: A-17, cents: 12000', 24)).toBe('order: A-17, cents:…');
    expect(cutTo('one two three', 8)).toBe('one two…');
    expect(cutTo('a very_long_word', 12)).toBe('a very_long…');
  });

  it('is broken into lines at spaces', () => {
    expect(wrap('one two  three\nfour', 9)).toEqual(['one two', 'three', 'four']);
    expect(wrap('', 9)).toEqual(['']);
  });

  it('shows every control character, and keeps line breaks and tabs if it may', () => {
    expect(oneLine('a\u001B[31m\tb\r\nc\u0000')).toBe(String.raw`a\u{1B}[31m b c\u{0}`);
    expect(printable('a\u001B[31m\tb\r\nc\u0007\rd')).toBe('a\\u{1B}[31m\tb\nc\\u{7}\\u{D}d');
  });

  it.each([
    ['an OSC sequence', '\u001B]0;evil\u0007ACME', String.raw`\u{1B}]0;evil\u{7}ACME`],
    ['a CSI sequence of C1', '\u009B2JACME', String.raw`\u{9B}2JACME`],
    ['a right-to-left override', 'A\u202Egpj.exe', String.raw`A\u{202E}gpj.exe`],
    [
      'isolates and marks',
      '\u2066a\u2069\u200F\u061C',
      String.raw`\u{2066}a\u{2069}\u{200F}\u{61C}`,
    ],
    [
      'zero-width characters',
      'a\u200B\u200C\u200D\u2060\uFEFFb',
      String.raw`a\u{200B}\u{200C}\u{200D}\u{2060}\u{FEFF}b`,
    ],
    ['tags', 'hi\u{E0068}\u{E0069}', String.raw`hi\u{E0068}\u{E0069}`],
    ['variation selectors', 'a\uFE0F\u{E0101}', String.raw`a\u{FE0F}\u{E0101}`],
    [
      'fillers and blanks',
      '\u3164\u115F\uFFA0\u2800\u00AD',
      String.raw`\u{3164}\u{115F}\u{FFA0}\u{2800}\u{AD}`,
    ],
    ['separators of lines', 'a\u2028b\u2029c\u0085d', String.raw`a\u{2028}b\u{2029}c\u{85}d`],
    ['half an emoji', 'a\uD83D', String.raw`a\u{D83D}`],
    ['spaces of other widths', 'a\u2003b', String.raw`a\u{2003}b`],
    ['private use', '\uE000', String.raw`\u{E000}`],
  ])('makes %s visible', (_, text, shown) => {
    expect(oneLine(text)).toBe(shown);
    expect(printable(text)).toBe(shown);
    const json = visibleJson({ [text]: [text] }, 2);
    expect(json).not.toMatch(/(?!\n)[\p{Cc}\p{Cf}\p{Cs}\p{Co}\p{Zl}\p{Zp}\p{DI}\u2800]/u);
    expect(JSON.parse(json)).toEqual({ [text]: [text] });
  });

  it('keeps the words and emoji of every language', () => {
    const text = 'Grüße, 顧客 👩‍🚀 ❤️ 🏴󠁧󠁢󠁥󠁮󠁧󠁿 1️⃣ é नमस्ते 10\u00A0€';
    expect(printable(text)).toBe(text);
    expect(visibleJson(text)).toBe(JSON.stringify(text));
  });

  it('leaves out the data of a large image, and keeps that of a small one', () => {
    const [large, small] = [imageBlock(png({ bytes: 9_000 })), imageBlock(png())];
    const content = [large, small];

    expect(withoutLargeData([{ role: 'user', content }])).toEqual([
      {
        role: 'user',
        content: [
          {
            ...large,
            source: {
              ...large.source,
              data: `[${large.source.data.length} characters are left out here]`,
            },
          },
          small,
        ],
      },
    ]);
  });
});
