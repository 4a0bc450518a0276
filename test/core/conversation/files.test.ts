import { describe, expect, test } from 'vitest';
import {
  findFileProblem,
  largestFile,
  MAX_IMAGE_BYTES,
  MAX_REQUEST_BYTES,
} from '../../../core/conversation/files.ts';
import { imageBlock, pdf, pdfBlock, png } from '../../fixtures/images.ts';

const good = imageBlock(png());
const withSource = (change: object) => ({ ...good, source: { ...good.source, ...change } });
const image = (source: object) => ({ type: 'image', source });
const document = (source: object) => ({ type: 'document', source });
const stored = { type: 'plait.stored', digest: 'd'.repeat(64), claim: {}, bytes: 9_000 };

describe('images and documents that the API accepts', () => {
  test.for([
    ['a text', 'Hello'],
    ['an image', [good]],
    ['a PDF', [pdfBlock(pdf())]],
    ['one that is stored', [withSource({ data: stored })]],
    ['an image behind a URL', [image({ type: 'url', url: 'https://example.com/a.png' })]],
    ['an uploaded one', [document({ type: 'file', file_id: 'file_01' })]],
    ['a plain text', [document({ type: 'text', media_type: 'text/plain', data: 'Hello' })]],
    ['a stored text', [document({ type: 'text', media_type: 'text/plain', data: stored })]],
    ['a document of blocks', [document({ type: 'content', content: [good] })]],
    ['a source that nobody knows yet', [image({ type: 'cloud', key: 'a' })]],
    ['what the model has sent', [{ role: 'assistant', content: [withSource({ data: '' })] }]],
    ['an image without a source, which says so itself', [{ type: 'image' }]],
    ['many small ones', Array.from({ length: 30 }, () => good)],
    ['a few large ones', [imageBlock(png({ width: 8_000 }))]],
  ] as const)('are accepted: %s', ([, value]) => {
    expect(findFileProblem(value, 'input')).toBeUndefined();
  });
});

describe('an image or a document that the API would reject', () => {
  const text = { type: 'text', text: 'What is this?' };

  test.for([
    [
      'of a kind that it does not know',
      withSource({ media_type: 'image/bmp' }),
      'is an image of type "image/bmp", and the API takes image/jpeg, image/png, image/gif, image/webp',
    ],
    [
      'of another kind than declared',
      withSource({ media_type: 'image/jpeg' }),
      'is declared as image/jpeg, but its bytes are those of image/png',
    ],
    [
      'whose bytes are something else',
      withSource({ data: 'SGVsbG8h' }),
      'is declared as image/png, but its bytes are neither that nor another type that the API takes (image/jpeg, image/png, image/gif, image/webp)',
    ],
    ['without data', withSource({ data: '' }), 'is an image without source.data'],
    ['whose data is not a text', withSource({ data: 7 }), 'is an image without source.data'],
    [
      'as a data: URL',
      withSource({ data: `data:image/png;base64,${good.source.data}` }),
      'is an image whose source.data is a data: URL; leave out everything up to the comma',
    ],
    [
      'in another base64',
      withSource({ data: good.source.data.replaceAll('=', '') }),
      'is an image whose source.data is not base64 (the standard alphabet, padded, without line breaks)',
    ],
    [
      'of too many bytes',
      imageBlock(png({ bytes: MAX_IMAGE_BYTES })),
      /^input\[1\] is an image of \d+ bytes, \d+ in base64, and the API takes at most 10485760 of these: make it smaller$/,
    ],
    [
      'of too many pixels',
      imageBlock(png({ width: 8_001 })),
      'is an image of 8001 × 3 pixels, and the API takes at most 8000 on a side: make it smaller',
    ],
    [
      'that is a PDF and not an image',
      image({ ...pdfBlock(pdf()).source, media_type: 'image/png' }),
      'is declared as image/png, but its bytes are those of application/pdf',
    ],
    [
      'as a document that is an image',
      document(good.source),
      'is a document of type "image/png", and the API takes application/pdf',
    ],
    [
      'as a text without any words',
      document({ type: 'text', media_type: 'text/plain', data: ' ' }),
      'is a document without any text in source.data',
    ],
    [
      'as a text of another type',
      document({ type: 'text', media_type: 'text/markdown', data: '# Hello' }),
      'is a document of type "text/markdown", and the API takes every text as text/plain',
    ],
    [
      'as a text without a type',
      document({ type: 'text', data: 'Hello' }),
      'is a document of type undefined, and the API takes every text as text/plain',
    ],
    [
      'behind a text that is not a URL',
      image({ type: 'url', url: '/tmp/a.png' }),
      'is an image whose source.url is not a URL: it must begin with https://',
    ],
    [
      'behind an empty URL',
      image({ type: 'url' }),
      'is an image whose source.url is not a URL: it must begin with https://',
    ],
    [
      'without the id of its file',
      document({ type: 'file', file_id: '' }),
      "is a document without source.file_id, the id of a file of Anthropic's Files API",
    ],
  ] as const)('is named: %s', ([, block, problem]) => {
    const found = findFileProblem([text, block], 'input');
    if (typeof problem === 'string') expect(found).toBe(`input[1] ${problem}`);
    else expect(found).toMatch(problem);
  });

  test('is named at any place', () => {
    const bad = withSource({ data: '' });
    const result = { type: 'tool_result', content: [text, bad] };
    const messages = [{ role: 'user', content: [result] }];

    expect(findFileProblem(messages, 'messages')).toBe(
      'messages[0].content[0].content[1] is an image without source.data',
    );
    expect(findFileProblem([document({ type: 'content', content: [bad] })], 'result')).toBe(
      'result[0].source.content[0] is an image without source.data',
    );
  });
});

test('many images must be smaller than few', () => {
  const many = Array.from({ length: 20 }, () => good);
  const large = imageBlock(png({ width: 2_001 }));

  expect(findFileProblem([...many.slice(1), large], 'input')).toBeUndefined();
  expect(findFileProblem([...many, large], 'input')).toBe(
    'input has more than 20 images, so none may have a side of more than 2000 pixels: one has 2001 × 3',
  );
});

test('files that do not fit into one request are rejected, with the limit', () => {
  const large = imageBlock(png({ bytes: 7 * 1024 * 1024 }));

  expect(findFileProblem([large, large, large], 'input')).toBeUndefined();
  expect(findFileProblem([large, large, large, large], 'input')).toMatch(
    new RegExp(
      `^input has images and documents of \\d+ bytes in base64, and a request may have at most ${MAX_REQUEST_BYTES}: upload them`,
    ),
  );
});

test('the largest of the inline files is named', () => {
  const uploaded = image({ type: 'file', file_id: 'file_01' });

  expect(largestFile([good, uploaded, pdfBlock(pdf(1_000))], 'input')).toMatch(
    /^input\[2\] has 1\d{3}$/,
  );
  expect(largestFile([uploaded], 'input')).toBeUndefined();
});

test('too many files for any request are rejected before one is examined', () => {
  const uploaded = image({ type: 'file', file_id: 'file_01' });

  expect(findFileProblem(Array<unknown>(1_000).fill(uploaded), 'input')).toBeUndefined();
  expect(findFileProblem(Array<unknown>(1_001).fill(uploaded), 'input')).toBe(
    'input has 1001 images and documents; a request may have at most 1000',
  );
});
