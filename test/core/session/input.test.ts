import { describe, expect, test } from 'vitest';
import { findCarriedProblem } from '../../../core/session/carried.ts';
import {
  checkClose,
  checkSend,
  checkSessionArgs,
  checkWithdrawal,
} from '../../../core/session/input.ts';
import { beginSession } from '../../../core/session/memory.ts';

const says = (role: string, content: unknown) => ({ role, content });
const asks = says('assistant', [{ type: 'tool_use', id: 'toolu_1', name: 'look', input: {} }]);
const answers = says('user', [{ type: 'tool_result', tool_use_id: 'toolu_1', content: 'seen' }]);

describe('a session begins', () => {
  test.for([
    ['with an agent alone', {}],
    [
      'with every option',
      { context: 7, whenBusy: 'steer', onToolFailure: 'report', storage: true },
    ],
    ['with no messages', { messages: [] }],
    [
      'with what ends with the assistant',
      { messages: [says('user', 'a'), says('assistant', 'b')] },
    ],
    ['with calls that were answered', { messages: [says('user', 'a'), asks, answers] }],
  ] as const)('%s', ([, options]) => {
    expect(checkSessionArgs({ agent: 'tester', ...options })).toBeUndefined();
  });

  test.for([
    ['arguments that are none', 'tester', /takes one argument/],
    ['a field that it does not know', { agent: 'a', limit: 1 }, /unknown field limit; a session/],
    ['no agent', {}, /agent must be the name/],
    ['an empty agent', { agent: '' }, /agent must be the name/],
    ['a wrong whenBusy', { agent: 'a', whenBusy: 'later' }, /whenBusy must be one of queue, steer/],
    ['a wrong batch policy', { agent: 'a', batchTimeout: -1 }, /batchTimeout/],
    ['a storage that is not a yes or no', { agent: 'a', storage: {} }, /storage must be true/],
  ] as const)('not with %s', ([, args, problem]) => {
    expect(checkSessionArgs(args)).toMatch(problem);
  });

  test.for([
    ['that are one text', 'Hello', /messages must be a list of messages/],
    ['that are content blocks', [{ type: 'text', text: 'a' }], /messages must be a list/],
    ['with a role that there is not', [says('bot', 'Hi')], /messages\[0\]\.role must be user/],
    ['that say nothing', [says('user', 'a'), says('assistant', [])], /messages\[1\] is empty/],
    ['with an open call', [says('user', 'a'), asks], /toolu_1.*no tool_result/],
    ['that begin with a result', [answers], /toolu_1.*does not call/],
    ['with no content', [{ role: 'user' }], /messages\[0\]\.content must be/],
    [
      'that end with a system message',
      [says('user', 'a'), says('system', 'be quick')],
      /follows a message with the role system/,
    ],
  ] as const)('not with messages %s', ([, messages, problem]) => {
    expect(checkSessionArgs({ agent: 'a', messages })).toMatch(problem);
  });
});

test('a session may begin with references to stored data only if it has a storage', () => {
  const data = { type: 'plait.stored', digest: 'a'.repeat(64), claim: { key: 'k' }, bytes: 9 };
  const image = { type: 'image', source: { type: 'base64', media_type: 'image/png', data } };
  const args = { agent: 'a', messages: [says('user', [image]), says('assistant', 'b')] };
  expect(checkSessionArgs({ ...args, storage: true })).toBeUndefined();
  expect(checkSessionArgs(args)).toMatch(/started without `storage: true`: give the data itself/);
});

const CALLING = {
  turnId: 't',
  callId: 'toolu_1',
  path: ['lead', 'clerk'],
  sessions: [],
  levels: 2,
};

test.for<[withdrawal: unknown, problem: string | undefined]>([
  [{ turnId: 's.turn-1' }, undefined],
  [{}, 'turnId must be a text'],
  [{ turnId: 's.turn-1', now: true }, 'unknown field now; withdraw takes turnId'],
  ['s.turn-1', 'withdraw takes one argument: { turnId }'],
])('whether a message may be withdrawn with %j', ([withdrawal, problem]) => {
  expect(checkWithdrawal(withdrawal)).toBe(problem);
});

describe('a message is', () => {
  test.for([
    ['a text', { input: 'Hello', idempotencyKey: 'k' }],
    ['content blocks', { input: [{ type: 'text', text: 'a' }], idempotencyKey: 'k' }],
    ['for one agent and a policy', { input: 'a', agent: 'b', whenBusy: 'reject' }],
    ['the call of a turn', { input: 'a', calledBy: CALLING }],
    ['that with limits', { input: 'a', calledBy: { ...CALLING, limits: { outputTokens: 9 } } }],
  ] as const)('%s', ([, send]) => {
    expect(checkSend(send)).toBeUndefined();
  });

  test.for([
    ['no object', 'Hello', /send takes one argument/],
    ['a field that is unknown', { input: 'a', key: 1 }, /unknown field key; send takes input/],
    ['an empty text', { input: ' ' }, /input is empty/],
    ['a whole conversation', { input: [says('user', 'a')] }, /a session has its messages/],
    ['a wrong policy', { input: 'a', whenBusy: 'no' }, /whenBusy must be one of/],
    [
      'a call of nobody',
      { input: 'a', calledBy: { ...CALLING, turnId: 7 } },
      /calledBy.turnId must be a text/,
    ],
    [
      'a call without levels',
      { input: 'a', calledBy: { ...CALLING, levels: -1 } },
      /calledBy.levels must be a whole number/,
    ],
  ] as const)('not %s', ([, send, problem]) => {
    expect(checkSend(send)).toMatch(problem);
  });
});

test.for<[close: unknown, problem: string | undefined]>([
  [undefined, undefined],
  [null, undefined],
  [{}, undefined],
  [{ interrupt: true }, undefined],
  [{ interrupt: 'yes' }, 'interrupt must be true or false'],
  [{ now: true }, 'unknown field now; close takes interrupt'],
  [42, 'close takes nothing, or one argument: { interrupt }'],
  [[], 'close takes nothing, or one argument: { interrupt }'],
])('whether a session may be closed with %j', ([close, problem]) => {
  expect(checkClose(close)).toBe(problem);
});

const waiting = (turnId: unknown) => [{ turnId, input: 'Hello' }];

test('what an earlier run hands on is recognized', () => {
  const memory = beginSession({ agent: 'tester' });
  expect(findCarriedProblem(memory)).toBeUndefined();
  expect(findCarriedProblem({ ...memory, waiting: waiting('chat.turn-1') })).toBeUndefined();
  expect(findCarriedProblem({ ...memory, waiting: waiting('') })).toBe(
    'carried.waiting[0].turnId must be a text that is not empty',
  );
  expect(findCarriedProblem({ ...memory, usage: null })).toBe('carried.usage must be an object');
  expect(findCarriedProblem(7)).toBe('carried must be an object');
});
