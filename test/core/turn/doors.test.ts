import { describe, expect, test } from 'vitest';
import {
  findApproveProblem,
  findCompletionProblem,
  findDenyProblem,
  findSteeringProblem,
} from '../../../core/turn/doors.ts';

const decision = { callId: 'toolu_1', by: 'ana' };

describe('a decision', () => {
  test.for<[decision: unknown, problem: string | undefined]>([
    [decision, undefined],
    [{ ...decision, reason: 'checked', more: 1 }, undefined],
    [undefined, 'takes one argument: { callId, by, reason?'],
    [[decision], 'takes one argument'],
    [{ by: 'ana' }, 'callId must be the id of a tool_use block'],
    [{ ...decision, callId: 'x'.repeat(201) }, 'callId must be the id of a tool_use block'],
    [{ callId: 'toolu_1' }, 'by must say who decides'],
    [{ ...decision, by: ' ' }, 'by must say who decides'],
    [{ ...decision, by: 7 }, 'by must say who decides'],
    [
      { ...decision, reason: 'x'.repeat(10_001) },
      'reason must be a text of at most 10000 characters',
    ],
    [{ ...decision, proof: 'signed' }, undefined],
    [{ ...decision, proof: { token: 'signed' } }, 'proof must be a text of at most 10000'],
  ])('%j', ([given, problem]) => {
    if (problem === undefined) {
      expect(findApproveProblem(given)).toBeUndefined();
      expect(findDenyProblem(given)).toBeUndefined();
    } else {
      expect(findApproveProblem(given)).toContain(problem);
      expect(findDenyProblem(given)).toContain(problem);
    }
  });
});

test.for<[result: unknown, fits: boolean]>([
  [{ type: 'succeeded', value: null }, true],
  [{ type: 'succeeded' }, true],
  [{ type: 'failed', message: 'Lost.' }, true],
  [{ type: 'failed', message: '' }, false],
  [{ type: 'failed' }, false],
  [{ type: 'done' }, false],
  ['delivered', false],
])('a completion with the result %j', ([result, fits]) => {
  expect(findCompletionProblem({ callId: 'toolu_1', key: 'k', result })).toBe(
    fits ? undefined : 'result must be a value, or say why the call failed',
  );
});

test('a completion names its call and its key', () => {
  const result = { type: 'succeeded', value: 1 };
  expect(findCompletionProblem({ key: 'k', result })).toMatch(/callId/);
  expect(findCompletionProblem({ callId: 'toolu_1', result })).toMatch(/^key must be a text/);
  expect(findCompletionProblem(null)).toMatch(/^completeToolCall takes one argument/);
});

describe('a steering message', () => {
  const message = { turnId: 'chat.turn-2', input: 'Be quick.' };

  test.for<[message: unknown, problem: string | undefined]>([
    [message, undefined],
    [{ ...message, input: [{ type: 'text', text: 'Be quick.' }] }, undefined],
    [null, 'note takes one argument: { turnId, input }'],
    [42, 'note takes one argument: { turnId, input }'],
    [{}, 'turnId must be a text that is not empty'],
    [{ ...message, turnId: 7n }, 'turnId must be a text that is not empty'],
    [{ ...message, turnId: 'x'.repeat(2_000) }, 'turnId must have at most 1000 bytes; it has 2000'],
    [{ turnId: 'x' }, 'input must be a text, content blocks, or messages'],
    [{ ...message, input: ' ' }, 'input is empty: the API rejects empty text'],
    [
      { ...message, input: [{ role: 'user', content: 'a' }] },
      'input must be a text or content blocks; a session has its messages',
    ],
  ])('%o', ([given, problem]) => {
    expect(findSteeringProblem({ steering: [] }, given)).toBe(problem);
  });

  test('is one of a hundred at most', () => {
    const steering = Array.from({ length: 100 }, () => message);
    expect(findSteeringProblem({ steering: steering.slice(1) }, message)).toBeUndefined();
    expect(findSteeringProblem({ steering }, message)).toBe('100 messages wait already');
  });
});
