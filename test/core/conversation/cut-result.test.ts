import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { Span } from '../../../core/conversation/cut-result.ts';
import {
  cutResult,
  isInsidePair,
  resultText,
  utf8Bytes,
} from '../../../core/conversation/cut-result.ts';
import type { ToolResultBlock, ToolResultContent } from '../../../core/conversation/messages.ts';
import { hasLoneSurrogate } from '../../../core/json.ts';

const text = (words: string): ToolResultBlock => ({ type: 'text', text: words });
const image: ToolResultBlock = {
  type: 'image',
  source: { type: 'base64', media_type: 'image/png', data: 'iVBO'.repeat(1_000) },
};
const document: ToolResultBlock = {
  type: 'document',
  source: { type: 'text', media_type: 'text/plain', data: 'x'.repeat(5_000) },
};
const found: ToolResultBlock = {
  type: 'search_result',
  source: 'https://example.com',
  title: 'Orders',
  content: [{ type: 'text', text: 'y'.repeat(5_000) }],
};

const where = ({ from, to }: Span) => `<${from}-${to}>`;
/** The lengths of what stands before and after every notice, and the notices. */
const partsOf = (words: string) => words.split(/\n?(\[….*?…\])\n?/u);

describe('a result that is too long for its tool', () => {
  test('is not cut up to the limit', () => {
    const words = 'x'.repeat(100);

    expect(cutResult(words, 100)).toEqual({ content: words });
    expect(cutResult([text(words)], 100)).toEqual({ content: [text(words)] });
  });

  test('keeps two thirds at the beginning and one third at the end', () => {
    const { content, cut } = cutResult('x'.repeat(1_000) + 'y'.repeat(1_000), 300);

    const [head, , tail] = partsOf(content as string);
    expect([head, tail]).toEqual(['x'.repeat(200), 'y'.repeat(100)]);
    expect(cut).toEqual({ totalBytes: 2_000, shownBytes: 300 });
  });

  test('says at the cut how much is left out', () => {
    const { content } = cutResult('x'.repeat(912_345), 100_000);

    expect(partsOf(content as string)[1]).toBe(
      '[… 812,345 of 912,345 bytes are left out here. The result is above the limit of this tool. Ask for less, or in parts. …]',
    );
  });

  test('says how to get the rest, from the first omitted character to the last', () => {
    const words = `${'é'.repeat(100)}${'x'.repeat(800)}`;

    const { content } = cutResult(words, 300, ({ from, to }) => `Read ${from} to ${to}.`);

    expect(content).toBe(
      `${'é'.repeat(100)}\n[… 700 of 1,000 bytes are left out here. Read 100 to 800. …]\n${'x'.repeat(100)}`,
    );
    expect(resultText(words).slice(800)).toBe('x'.repeat(100));
  });

  test('is measured in bytes, not in characters', () => {
    expect(cutResult('日'.repeat(100), 299).cut).toEqual({ totalBytes: 300, shownBytes: 297 });
  });

  test('is cut at line ends that are near', () => {
    const lines = Array.from({ length: 100 }, (_, i) => `line ${i} of a hundred`);

    const { content } = cutResult(lines.join('\n'), 600, where);

    const [head, , tail] = partsOf(content as string);
    expect(head?.split('\n')).toEqual(lines.slice(0, 19));
    expect(tail?.split('\n')).toEqual(lines.slice(-9));
  });

  test('is cut within a line if its end is far', () => {
    const words = `first\n${'x'.repeat(2_000)}\nlast\n`;

    const [head, , tail] = partsOf(cutResult(words, 300).content as string);

    expect([head?.length, tail?.length]).toEqual([200, 100]);
  });

  test('is cut right at a line end if the limit is there', () => {
    const words = `${'x'.repeat(20)}\n${'y'.repeat(20)}\n${'z'.repeat(10)}`;

    const { content } = cutResult(words, 30, where);

    expect(content).toBe(
      `${'x'.repeat(20)}\n[… 22 of 52 bytes are left out here. <20-42> …]\n${'z'.repeat(10)}`,
    );
  });

  test('shows only the notice if the limit is 0', () => {
    expect(cutResult('🧵', 0, where)).toEqual({
      content: '[… 4 of 4 bytes are left out here. <0-2> …]',
      cut: { totalBytes: 4, shownBytes: 0 },
    });
  });

  test('holds no half emoji at the cut', () => {
    expect(cutResult('🧵🧵🧵🧵', 10, where).content).toBe(
      '🧵\n[… 12 of 16 bytes are left out here. <2-8> …]',
    );
    expect(cutResult('a🧵🧵🧵🧵', 13, where).content).toBe(
      'a🧵🧵\n[… 4 of 17 bytes are left out here. <5-7> …]\n🧵',
    );
  });
});

describe('the blocks of a cut result', () => {
  test('are neither counted nor cut if they are not text', () => {
    const blocks = [image, text('x'.repeat(100)), document, found];

    expect(cutResult(blocks, 100)).toEqual({ content: blocks });
    expect(cutResult(blocks, 60, where).content).toEqual([
      image,
      text(
        `${'x'.repeat(40)}\n[… 40 of 100 bytes are left out here. <40-80> …]\n${'x'.repeat(20)}`,
      ),
      document,
      found,
    ]);
  });

  test('stay whole if they are short beside others', () => {
    const blocks = [text('summary'), text('x'.repeat(9_000)), image, text('exit code 1')];

    const { content, cut } = cutResult(blocks, 3_020, where);

    expect(content).toMatchObject([
      blocks[0],
      {
        type: 'text',
        text: expect.stringMatching(/^x{2000}\n\[….*<2008-8008> …\]\nx{1000}$/) as string,
      },
      image,
      blocks[3],
    ]);
    expect(cut).toEqual({ totalBytes: 9_020, shownBytes: 3_020 });
  });

  test('share the limit if all are long, each with its own notice', () => {
    const blocks = ['x', 'y', 'z'].map((letter) => text(letter.repeat(5_000)));

    const { content, cut } = cutResult(blocks, 4_502, where);

    expect((content as { text: string }[]).map(({ text }) => partsOf(text))).toEqual([
      ['x'.repeat(1_000), expect.stringContaining('<1000-4500>'), 'x'.repeat(500)],
      ['y'.repeat(1_000), expect.stringContaining('<6001-9501>'), 'y'.repeat(500)],
      ['z'.repeat(1_000), expect.stringContaining('<11002-14502>'), 'z'.repeat(500)],
    ]);
    expect(cut).toEqual({ totalBytes: 15_002, shownBytes: 4_502 });
  });

  test('keep their other fields', () => {
    const cached: ToolResultBlock = {
      type: 'text',
      text: 'x'.repeat(100),
      cache_control: { type: 'ephemeral' },
    };

    expect(cutResult([cached], 10).content).toMatchObject([
      { cache_control: { type: 'ephemeral' } },
    ]);
  });

  test('are cut as one text if there are many, since the notices would outweigh the rest', () => {
    const blocks = Array.from({ length: 1_000 }, (_, i) => text(`row ${1_000 + i}`));

    const { content } = cutResult(
      [...blocks.slice(0, 500), image, ...blocks.slice(500)],
      900,
      where,
    );

    // Nine bytes each with the newline: 66 are the head, 33 the tail, and the notice is a block.
    expect(content).toEqual([
      ...blocks.slice(0, 66),
      text('[… 8,109 of 8,999 bytes are left out here. <594-8703> …]'),
      image,
      ...blocks.slice(967),
    ]);
  });

  test('are left out if nothing visible would be left of them', () => {
    const blocks = [text('x'.repeat(100)), text(`${'y'.repeat(50)}   `)];

    expect(cutResult(blocks, 9, where).content).toEqual([
      text('xxxxxx\n[… 145 of 154 bytes are left out here. <6-151> …]'),
    ]);
  });
});

function cutWithSpans(whole: ToolResultContent, limit: number) {
  const spans: Span[] = [];
  const result = cutResult(whole, limit, (span) => {
    spans.push(span);
    return '';
  });
  return { ...result, spans };
}
/** Without the newlines that stand around notices and between blocks. */
const visible = (words: string) => words.replaceAll(/\s/gu, '');
const others = (blocks: ToolResultBlock[]) => blocks.filter(({ type }) => type !== 'text');
const blanks = (blocks: ToolResultBlock[]) =>
  blocks.filter((block) => block.type === 'text' && block.text.trim() === '').length;

describe('any result', () => {
  const words = fc.oneof(
    fc.string({ unit: 'binary', maxLength: 300 }),
    fc.array(fc.string({ unit: 'grapheme', maxLength: 40 })).map((lines) => lines.join('\n')),
    // Long enough for several cuts.
    fc
      .tuple(fc.constantFrom('x', 'é\n', '日', '🧵', '123456789\n'), fc.nat(3_000))
      .map(([piece, count]) => piece.repeat(count)),
  );
  const blocks = fc.array(
    fc.oneof({ weight: 4, arbitrary: words.map(text) }, fc.constantFrom(image, document, found)),
    { maxLength: 8 },
  );
  const content: fc.Arbitrary<ToolResultContent> = fc.oneof(words, blocks);
  const limit = fc.oneof(fc.nat(50), fc.nat(20_000));

  test('does not change up to the limit, and exceeds it only by its notices', () => {
    fc.assert(
      fc.property(content, limit, (whole, limit) => {
        const { content, cut, spans } = cutWithSpans(whole, limit);
        const total = utf8Bytes(resultText(whole));

        if (total <= limit) {
          expect(content).toBe(whole);
          expect([cut, spans]).toEqual([undefined, []]);
          return;
        }
        expect(cut?.totalBytes).toBe(total);
        expect(cut?.shownBytes).toBeLessThanOrEqual(limit);
        expect(utf8Bytes(resultText(content))).toBeLessThanOrEqual(limit + 80 * spans.length);
        expect(spans.length).toBeLessThanOrEqual(Math.max(1, limit / 1_000));
        // Nothing is wasted but for the sake of whole lines and characters.
        if (spans.length === 1) expect(cut?.shownBytes).toBeGreaterThan(limit * 0.7 - 10);
      }),
    );
  });

  test('keeps everything that is not left out, in order, and says where the rest is', () => {
    fc.assert(
      fc.property(content, limit, (whole, limit) => {
        const { content, cut, spans } = cutWithSpans(whole, limit);
        const joined = resultText(whole);

        const leftOut = spans.map(({ from, to }) => utf8Bytes(joined.slice(from, to)));
        const sum = leftOut.reduce((bytes, one) => bytes + one, 0);
        expect(sum).toBe(cut === undefined ? 0 : cut.totalBytes - cut.shownBytes);

        let kept = joined;
        for (const { from, to } of spans.toReversed()) kept = kept.slice(0, from) + kept.slice(to);
        const shown = resultText(content).replaceAll(
          /\[… [\d,]+ of [\d,]+ bytes [a-z ]+\. {2}…\]/gu,
          '',
        );
        expect(visible(shown)).toBe(visible(kept));
      }),
    );
  });

  test('keeps all other blocks, and holds no half emoji and no text that the API rejects', () => {
    fc.assert(
      fc.property(blocks, limit, (whole, limit) => {
        const { content, cut } = cutWithSpans(whole, limit);
        const shown = content as ToolResultBlock[];

        expect(others(shown)).toEqual(others(whole));
        expect(hasLoneSurrogate(shown)).toBe(false);
        if (cut === undefined) return;
        expect(blanks(shown)).toBeLessThanOrEqual(blanks(whole));
      }),
    );
  });
});

describe('the bytes of a text', () => {
  test('are its UTF-8 bytes, for any text', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (words) => {
        expect(utf8Bytes(words)).toBe(Buffer.byteLength(words));
      }),
    );
  });
});

describe('a position in a text', () => {
  test.for([
    [0, false],
    [1, false],
    [2, true],
    [3, false],
    [4, false],
  ] as const)('is inside an emoji only between its halves: %i', ([index, inside]) => {
    expect(isInsidePair('a🧵b', index)).toBe(inside);
  });
});
