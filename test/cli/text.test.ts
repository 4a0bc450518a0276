import { describe, expect, it } from 'vitest';
import { withoutLargeData } from '../../cli/commands/run.ts';
import { columnsOf, cutTo, durationText, fit, oneLine, printable, wrap } from '../../cli/text.ts';
import { imageBlock, png } from '../fixtures/images.ts';

describe('text for a terminal', () => {
  it.each([
    [7, '7 ms'],
    [999.6, '1.00 s'],
    [1_512, '1.51 s'],
    [60_000, '1 min'],
    [125_400, '2 min 5 s'],
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

  it('is broken into lines at spaces', () => {
    expect(wrap('one two  three\nfour', 9)).toEqual(['one two', 'three', 'four']);
    expect(wrap('', 9)).toEqual(['']);
  });

  it('has no control characters, and keeps line breaks when it may', () => {
    expect(oneLine('a\u001B[31m\tb\r\nc\u0000')).toBe('a b c');
    expect(printable('a\u001B[31m\tb\nc\u0007')).toBe('a\tb\nc');
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
