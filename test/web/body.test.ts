import { describe, expect, test } from 'vitest';
import { isRunInput, readChatBody, readDecision, readRunInput } from '../../web/body.ts';

const text = (text: string) => ({ type: 'text', text });
const user = (...parts: object[]) => ({ id: 'm1', role: 'user', parts });
const png = { type: 'file', mediaType: 'image/png', url: 'data:image/png;base64,aGk=' };
const pdf = { type: 'file', mediaType: 'application/pdf', url: 'data:application/pdf;base64,aGk=' };
const responded = (approval: object) => ({
  id: 'turn-1',
  role: 'assistant',
  parts: [text('I ask.'), { type: 'dynamic-tool', state: 'approval-responded', approval }],
});

test.each([
  ['a text', user(text('hello')), 'hello'],
  ['texts', user(text('hello'), text('you')), 'hello\nyou'],
  [
    'an image and a document',
    user(png, pdf, text('what is this?')),
    [
      { type: 'image', source: { type: 'base64', media_type: 'image/png', data: 'aGk=' } },
      { type: 'document', source: { type: 'base64', media_type: 'application/pdf', data: 'aGk=' } },
      { type: 'text', text: 'what is this?' },
    ],
  ],
])('%s becomes the question to the agent, under the id of the message', (_, message, input) => {
  const before = [user(text('earlier')), { id: 'a1', role: 'assistant', parts: [] }];
  expect(readChatBody({ id: 'c1', messages: [...before, message] })).toEqual({
    chatId: 'c1',
    said: { type: 'message', key: 'm1', input },
  });
});

test('the decisions in an answer name the call and its turn', () => {
  const approval = { id: 'desk/turn-1/2/toolu_1', approved: false, reason: 'too much' };
  const messages = [responded(approval), { ...user(text('later')), id: 'm2' }];
  const decision = {
    turnId: 'desk/turn-1',
    round: 2,
    callId: 'toolu_1',
    approved: false,
    reason: 'too much',
  };
  expect(readChatBody({ id: 'c1', messages, messageId: 'turn-1' })).toEqual({
    chatId: 'c1',
    said: { type: 'decisions', decisions: [decision] },
  });
  const { id: approvalId, ...rest } = approval;
  expect(readDecision({ approvalId, ...rest })).toEqual(decision);
});

describe('a page learns what it cannot do', () => {
  test.each<[string, unknown, string]>([
    ['no chat', { messages: [user(text('hi'))] }, 'The body of the request is wrong.'],
    ['no message', { id: 'c1', messages: [] }, 'The body of the request is wrong.'],
    ['an empty message', { id: 'c1', messages: [user(text(' '))] }, 'The message is empty.'],
    ['no parts', { id: 'c1', messages: [user()] }, 'The message is empty.'],
    [
      'another answer',
      { id: 'c1', messages: [user(text('hi'))], trigger: 'regenerate-message' },
      'cannot answer again',
    ],
    [
      'an edited message',
      { id: 'c1', messages: [user(text('hi'))], messageId: 'm1' },
      'cannot be changed',
    ],
    [
      'an answer without decisions',
      { id: 'c1', messages: [{ id: 'a1', role: 'assistant', parts: [] }] },
      'must be that of the user',
    ],
    [
      'a decision about nothing',
      { id: 'c1', messages: [responded({ id: 'x', approved: true })] },
      'does not name a call',
    ],
    [
      'a page elsewhere',
      { id: 'c1', messages: [user({ type: 'file', url: 'https://example.com/a.png' })] },
      'may have texts, images',
    ],
  ])('%s', (_, body, problem) => {
    expect(() => readChatBody(body)).toThrow(problem);
  });

  test('a decision that is not one', () => {
    expect(() => readDecision({ approvalId: 't/1/c' })).toThrow('approved');
  });
});

describe('an input of AG-UI', () => {
  const ids = { threadId: 'c1', runId: 'r1' };
  const asked = { id: 'm1', role: 'user', content: 'hello' };
  const image = { type: 'image', source: { type: 'data', value: 'aGk=', mimeType: 'image/png' } };
  const entry = { interruptId: 'turn-1/2/toolu_1', status: 'resolved' };
  const call = { turnId: 'turn-1', round: 2, callId: 'toolu_1' };
  const inputWith = (more: object) => readRunInput({ ...ids, messages: [asked], ...more }).said;

  test('is distinguished from what useChat sends', () => {
    expect(isRunInput({ ...ids, messages: [] })).toBe(true);
    expect(isRunInput({ id: 'c1', messages: [user(text('hi'))] })).toBe(false);
    expect(isRunInput('threadId')).toBe(false);
  });

  test.each<[string, object, object]>([
    ['a message', {}, { type: 'message', key: 'm1', input: 'hello' }],
    [
      'a message with an image',
      { messages: [{ ...asked, content: [image, text('what is this?')] }] },
      {
        type: 'message',
        key: 'm1',
        input: [
          { type: 'image', source: { type: 'base64', media_type: 'image/png', data: 'aGk=' } },
          text('what is this?'),
        ],
      },
    ],
    ['nothing new', { messages: [asked, { id: 'a', role: 'assistant' }] }, { type: 'join' }],
    ['nothing at all', { messages: [], resume: [] }, { type: 'join' }],
    [
      'an approval and a denial',
      {
        resume: [
          { ...entry, payload: { approved: true } },
          { ...entry, payload: { approved: false, reason: 'too much' } },
        ],
      },
      {
        type: 'decisions',
        decisions: [
          { ...call, approved: true },
          { ...call, approved: false, reason: 'too much' },
        ],
      },
    ],
    [
      'an interrupt that was abandoned',
      { resume: [{ ...entry, status: 'cancelled' }] },
      { type: 'decisions', decisions: [{ ...call, approved: false }] },
    ],
  ])('may have %s', (_, more, said) => {
    expect(inputWith(more)).toEqual(said);
  });

  test.each<[string, object, string]>([
    ['no thread', { threadId: '' }, 'The body of the request is wrong.'],
    ['an empty message', { messages: [{ ...asked, content: ' ' }] }, 'The message is empty.'],
    ['a message without an id', { messages: [{ ...asked, id: '' }] }, 'id'],
    [
      'an image elsewhere',
      {
        messages: [{ ...asked, content: [{ type: 'image', source: { type: 'url', value: 'x' } }] }],
      },
      'may have texts, images',
    ],
    ['a decision that is none', { resume: [{ ...entry, payload: true }] }, 'must be { "approved"'],
    [
      'an answer to nothing',
      { resume: [{ ...entry, interruptId: 'x', status: 'cancelled' }] },
      'does not name a call',
    ],
  ])('with %s is rejected in plain words', (_, more, problem) => {
    expect(() => inputWith(more)).toThrow(problem);
  });
});
