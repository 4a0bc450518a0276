import { describe, expect, test } from 'vitest';
import type { Message, ToolResultBlock } from '../../../core/conversation/messages.ts';
import {
  earlierFileText,
  isAboutFiles,
  leaveOut,
  rejectedFiles,
  withoutRejected,
} from '../../../core/conversation/rejected-files.ts';
import { append, EMPTY_TRANSCRIPT } from '../../../core/conversation/transcript.ts';
import type { ModelErrorReport } from '../../../core/failures.ts';
import { imageBlock, pdf, pdfBlock, png } from '../../fixtures/images.ts';

const report = (change: Partial<ModelErrorReport> = {}): ModelErrorReport => ({
  type: 'invalid_request_error',
  status: 400,
  errorCode: null,
  requestId: null,
  ...change,
});

describe('a request', () => {
  test.for([
    'Could not process image',
    'messages.2.content.0.tool_result.content.0.image.source.base64: image cannot be empty',
    'messages.4.content.0.pdf.source.base64.data: A maximum of 100 PDF pages may be provided.',
    'Unable to download the file. Please verify the URL and try again.',
    'prompt is too long: 210000 tokens > 200000 maximum',
  ])('may have been rejected because of a file: %s', (message) => {
    expect(isAboutFiles(report(), message)).toBe(true);
    expect(isAboutFiles(report({ status: null }), message)).toBe(true);
    expect(isAboutFiles(report({ status: 529, type: 'overloaded_error' }), message)).toBe(false);
  });

  test('may have been rejected for its size', () => {
    const [status, type] = [413, 'request_too_large'];

    expect(isAboutFiles(report({ status, type }), 'Request exceeds the maximum size')).toBe(true);
    expect(isAboutFiles(report({ status: null, type }), 'Request exceeds it')).toBe(true);
  });

  test('is mostly rejected for another reason', () => {
    expect(isAboutFiles(report(), 'messages.1: `tool_use` ids were found without')).toBe(false);
  });
});

const image = imageBlock(png());
const text: ToolResultBlock = { type: 'text', text: 'A screenshot:' };
const results = (...contents: (string | ToolResultBlock[])[]): Message => ({
  role: 'user',
  content: contents.map((content, i) => ({
    type: 'tool_result',
    tool_use_id: `toolu_${i}`,
    content,
  })),
});
const reply: Message = { role: 'assistant', content: 'Let me look.' };
const messages: Message[] = [
  { role: 'user', content: [image] },
  reply,
  results([image]),
  reply,
  results('2 orders', [text, image], [pdfBlock(pdf()), image]),
  { role: 'user', content: [image] },
];
const place = (block: number, part: number) => ({ message: 1, block, part });

describe('what is left out', () => {
  const tail = messages.slice(3);
  const rejected = (message: string) => rejectedFiles(messages, tail.length, message);

  test('is the file that the API names, with its words', () => {
    const message =
      'The Messages API answered 400 invalid_request_error: messages.4.content.1.tool_result.content.1.image.source.base64: Could not process image (request req_1)';
    const text =
      '[The API rejected what was here, so it was left out: The Messages API answered 400 invalid_request_error: messages.4.content.1.tool_result.content.1.image.source.base64: Could not process image]';

    expect(rejected(message)).toEqual([{ ...place(1, 1), text }]);
    expect(
      rejected('messages.4.content.2.content.1, messages.4.content.2.content.0'),
    ).toMatchObject([place(2, 0), place(2, 1)]);
  });

  test.for([
    ['it names none', 'Could not process image'],
    ['it names one that it has read before', 'messages.2.content.0.tool_result.content.0.image'],
    ['it names one of the user', 'messages.5.content.0.image.source.base64'],
  ] as const)('includes every new file in results if %s', ([, message]) => {
    expect(rejected(message)).toMatchObject([place(1, 1), place(2, 0), place(2, 1)]);
  });

  test('includes nothing that is sealed, and nothing if no result has a file', () => {
    expect(rejectedFiles(messages, 1, 'Could not process image')).toEqual([]);
    const said: Message = { role: 'user', content: 'Hello' };
    expect(rejectedFiles([results('2 orders'), said], 2, 'Could not process image')).toEqual([]);
    expect(rejectedFiles(messages.slice(0, 1), 1, 'Could not process image')).toEqual([]);
  });

  test('becomes a text for the model, and everything else stays', () => {
    const [first, second, third] = withoutRejected(tail, [{ ...place(1, 1), text: '[left out]' }]);

    expect(first).toBe(tail[0]);
    expect(third).toBe(tail[2]);
    expect(second).toEqual(
      results('2 orders', [text, { type: 'text', text: '[left out]' }], [pdfBlock(pdf()), image]),
    );
  });

  test('is nothing if there is no result any more', () => {
    const said: Message[] = [
      { role: 'user', content: 'Hello' },
      { role: 'user', content: [image] },
    ];
    const gone = { message: 0, block: 0, part: 0, text: '' };

    expect(withoutRejected(said, [gone, { ...gone, message: 1 }])).toEqual(said);
    expect(withoutRejected([results('2 orders')], [gone])).toEqual([results('2 orders')]);
  });

  test('is missing from the conversation from then on', () => {
    const transcript = append(EMPTY_TRANSCRIPT, ...tail);
    const left = leaveOut(transcript, rejected('Could not process image'));

    expect(left).toEqual(append(EMPTY_TRANSCRIPT, ...left.tail));
    expect(JSON.stringify(left.tail[1])).not.toContain('"image"');
    expect(leaveOut(transcript, undefined)).toBe(transcript);
    expect(leaveOut(transcript, [])).toBe(transcript);
  });
});

describe('a file from earlier in the conversation is named in words', () => {
  const asked: Message[] = [
    { role: 'user', content: [image, { type: 'text', text: 'What is\n this?' }] },
    ...messages.slice(1, 5),
    { role: 'user', content: [pdfBlock(pdf())] },
    reply,
    { role: 'user', content: [image] },
  ];
  const words = (place: string, dropped = 0) =>
    earlierFileText(asked, `The API answered 400: ${place}.source: too large`, dropped);

  test.for([
    [
      'messages.0.content.0.image',
      'an image that a person sent earlier, in message 1 of 8 of the conversation ("What is this?")',
    ],
    [
      'messages.4.content.1.tool_result.content.1.image',
      'an image that a tool returned earlier, in message 5 of 8 of the conversation',
    ],
    [
      'messages.4.content.2.content.0.pdf',
      'a document that a tool returned earlier, in message 5 of 8 of the conversation',
    ],
    [
      'messages.5.content.0.pdf',
      'a document that a person sent earlier, in message 6 of 8 of the conversation',
    ],
  ] as const)('%s', ([place, said]) => {
    expect(words(place)).toBe(
      `It means ${said}, and not what was sent last. Go on without sending more files, or begin a new conversation without that one.`,
    );
  });

  test('with its place in the whole conversation, if a summary has replaced a part', () => {
    expect(words('messages.0.content.0.image', 30)).toContain('in message 31 of 38 of');
  });

  test.for([
    ['it is new', 'messages.7.content.0.image'],
    ['there is no such message', 'messages.9.content.0.image'],
    ['there is no such block', 'messages.0.content.5.image'],
    ['the block is not a file', 'messages.0.content.1.text'],
    ['the result holds no file', 'messages.4.content.0.tool_result.content.0.image'],
    ['the message is a text', 'messages.1.content.0.text'],
    ['no place is named', 'messages: too many documents'],
  ])('but not if %s', ([, place]) => {
    expect(words(place as string)).toBeUndefined();
  });
});
