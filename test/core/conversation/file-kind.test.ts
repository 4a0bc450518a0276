import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { base64Bytes, fileKind, isBase64 } from '../../../core/conversation/file-kind.ts';
import { pdf, png } from '../../fixtures/images.ts';

const kindOf = (...parts: (string | number[])[]) =>
  fileKind(
    Buffer.concat(
      parts.map((part) =>
        typeof part === 'string' ? Buffer.from(part, 'latin1') : Buffer.from(part),
      ),
    ).toString('base64'),
  );
const zeros = (count: number) => '\0'.repeat(count);

/** The header of a JPEG behind a segment of so many bytes, as a camera's preview is one. */
const jpeg = (preview: number, frame = 0xc0) => [
  '\xff\xd8\xff\xe1',
  [(preview + 2) >> 8, (preview + 2) & 0xff],
  zeros(preview),
  [0xff, frame, 0, 17, 8, 0x1f, 0x40, 0x0b, 0xb8],
];

describe('the kind of a file', () => {
  test.for([
    ['PNG', [png({ width: 8_001, height: 2 }).toString('latin1')], 'image/png', [8_001, 2]],
    ['GIF of 1987', ['GIF87a', [2, 1, 3, 0]], 'image/gif', [258, 3]],
    ['GIF', ['GIF89a', [2, 0, 3, 1]], 'image/gif', [2, 259]],
    ['JPEG', jpeg(10), 'image/jpeg', [3_000, 8_000]],
    ['JPEG with a long preview', jpeg(60_001), 'image/jpeg', [3_000, 8_000]],
    ['progressive JPEG', jpeg(1, 0xc2), 'image/jpeg', [3_000, 8_000]],
    [
      'JPEG with a table and fill bytes before its frame',
      [
        '\xff\xd8\xff\xc4\0\x03\0\xff',
        ...jpeg(0)
          .slice(3)
          .map((part) => part),
      ],
      'image/jpeg',
      [3_000, 8_000],
    ],
    [
      'lossy WebP',
      ['RIFF', zeros(4), 'WEBPVP8 ', zeros(10), [0x40, 0xdf, 0x02, 0]],
      'image/webp',
      [0x1f40, 2],
    ],
    [
      'lossless WebP',
      ['RIFF', zeros(4), 'WEBPVP8L', zeros(5), [0x3f, 0x41, 0x00, 0, 0]],
      'image/webp',
      [0x140, 2],
    ],
    [
      'extended WebP',
      ['RIFF', zeros(4), 'WEBPVP8X', zeros(8), [0x3f, 0x1f, 0, 1, 0, 0]],
      'image/webp',
      [8_000, 2],
    ],
  ] as const)(
    'is recognized by its first bytes, with its size: %s',
    ([, parts, mediaType, size]) => {
      const [width, height] = size;
      expect(kindOf(...(parts as (string | number[])[]))).toEqual({
        mediaType,
        size: { width, height },
      });
    },
  );

  test.for([
    ['PDF', [pdf().toString('latin1')], 'application/pdf'],
    ['PDF behind a line break', ['\r\n', pdf().toString('latin1')], 'application/pdf'],
    ['PDF behind a mail header', ['x'.repeat(1_023), '%PDF-1.7'], 'application/pdf'],
    ['PDF behind half a header', ['%PD', '%PDF-1.7'], 'application/pdf'],
    ['PNG that was cut off', ['\x89PNG\r\n\x1a\n'], 'image/png'],
    ['JPEG without a frame', ['\xff\xd8\xff\xd9'], 'image/jpeg'],
    ['WebP of a kind that nobody knows', ['RIFF', zeros(4), 'WEBPXXXX'], 'image/webp'],
  ] as const)('is recognized even if the size is not: %s', ([, parts, mediaType]) => {
    expect(kindOf(...parts)).toEqual({ mediaType });
  });

  test.for([
    ['nothing', []],
    ['a text', ['Hello']],
    ['a text about PDF', [`${'x'.repeat(1_024)}%PDF-1.7`]],
    ['a bitmap', ['BM', zeros(20)]],
    ['a sound', ['RIFF', zeros(4), 'WAVE']],
  ] as const)('is not recognized for %s', ([, parts]) => {
    expect(kindOf(...parts)).toBeUndefined();
  });
});

test('base64 is recognized, and its bytes are counted', () => {
  fc.assert(
    fc.property(fc.uint8Array(), (bytes) => {
      const data = Buffer.from(bytes).toString('base64');
      expect(isBase64(data)).toBe(true);
      expect(base64Bytes(data)).toBe(bytes.length);
    }),
  );
  for (const data of ['AAA', 'AA==AAAA', 'AA-_', 'AAAA\n', 'AA A', '====']) {
    expect(isBase64(data)).toBe(false);
  }
});
