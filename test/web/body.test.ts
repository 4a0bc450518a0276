import { describe, expect, test } from 'vitest';
import { readChatBody, readDecision } from '../../web/body.ts';

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
])('%s is what the agent is asked, under the id of the message', (_, message, input) => {
  const before = [user(text('earlier')), { id: 'a1', role: 'assistant', parts: [] }];
  expect(readChatBody({ id: 'c1', messages: [...before, message] })).toEqual({
    chatId: 'c1',
    said: { type: 'message', key: 'm1', input },
  });
});

test('the decisions of an answer name the call, and the turn that it is of', () => {
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

describe('a page is told what it cannot do', () => {
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

  test('a decision that is none', () => {
    expect(() => readDecision({ approvalId: 't/1/c' })).toThrow('approved');
  });
});
