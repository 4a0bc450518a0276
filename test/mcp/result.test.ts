import { describe, expect, test } from 'vitest';
import { servedResult } from '../../mcp/result.ts';

const text = (value: string) => ({ type: 'text', text: value });
const image = { type: 'image', data: 'aGk=', mimeType: 'image/png' };
const shownImage = {
  type: 'image',
  source: { type: 'base64', media_type: 'image/png', data: 'aGk=' },
};

const fail = (content: unknown[]) => () => servedResult({ content, isError: true });

describe('the result of a server is', () => {
  test.for<[string, unknown[], unknown]>([
    ['a text', [text('hello')], 'hello'],
    ['several texts', [text('a'), text('b')], [text('a'), text('b')]],
    ['nothing without a block', [], undefined],
    ['nothing with an empty text', [text('')], undefined],
    ['an image', [image], [shownImage]],
    [
      'a PDF',
      [
        {
          type: 'resource',
          resource: { uri: 'file:///a.pdf', mimeType: 'application/pdf', blob: 'aGk=' },
        },
      ],
      [
        text('[Resource file:///a.pdf]'),
        {
          type: 'document',
          source: { type: 'base64', media_type: 'application/pdf', data: 'aGk=' },
        },
      ],
    ],
    [
      'the text of a resource',
      [{ type: 'resource', resource: { uri: 'file:///a.txt', text: 'hello' } }],
      [text('[Resource file:///a.txt]'), text('hello')],
    ],
    [
      'the text in a blob',
      [
        {
          type: 'resource',
          resource: { uri: 'a:b', mimeType: 'text/csv; charset=utf-8', blob: 'aGk=' },
        },
      ],
      [text('[Resource a:b]'), text('hi')],
    ],
    [
      'a link to a resource',
      [{ type: 'resource_link', uri: 'file:///a', name: 'a', description: 'The first.' }],
      '[Resource file:///a] a The first.',
    ],
    [
      'a note in place of what the API does not take',
      [{ type: 'audio', data: 'aGk=', mimeType: 'audio/wav' }],
      '[audio of type audio/wav with 2 bytes, which cannot be shown to you]',
    ],
    [
      'the JSON of a block that nobody knows',
      [{ type: 'hologram', of: 'Leia' }],
      '{"type":"hologram","of":"Leia"}',
    ],
    ['without what is not a block', ['text', null, text('a')], 'a'],
  ])('%s', ([, content, value]) => {
    expect(servedResult({ content })).toEqual({ value });
  });

  test('the structured content, once', () => {
    const structuredContent = { n: 7 };
    expect(servedResult({ content: [], structuredContent })).toEqual({
      value: '{"n":7}',
      structured: { n: 7 },
    });
    expect(servedResult({ content: [text('{ "n": 7 }')], structuredContent })).toEqual({
      value: '{ "n": 7 }',
      structured: { n: 7 },
    });
    expect(servedResult({ content: [text('Seven.')], structuredContent })).toEqual({
      value: [text('Seven.'), text('{"n":7}')],
      structured: { n: 7 },
    });
  });

  test('an error with what it says, and images named in it', () => {
    expect(fail([text('no such file'), image])).toThrow(
      'no such file\n[image of type image/png with 2 bytes, which cannot be shown to you]',
    );
    expect(fail([])).toThrow('The server says that the call failed, but not why.');
    expect(fail([text('x')])).toThrow(expect.objectContaining({ retryable: false }));
  });
});
