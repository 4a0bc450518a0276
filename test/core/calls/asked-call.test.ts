import { expect, test } from 'vitest';
import {
  afterDecision,
  afterQuestions,
  answersOf,
  asksTooOften,
  nextQuestion,
  withQuestions,
} from '../../../core/calls/asked-call.ts';
import type { CallQuestions, QuestionAnswer } from '../../../core/calls/question.ts';

const asks = (...messages: string[]): CallQuestions => ({
  questions: messages.map((message) => ({
    key: message.toLowerCase(),
    question: { type: 'url', server: 'desk', message, url: 'https://a.example' },
  })),
  state: messages.join(),
});
const begun = { attempts: 1, start: 10 };
const at = '2026-03-31T08:00:00.000Z';
const askedAt = Date.parse(at) - 60_000;
const asked = new Date(askedAt).toISOString();
const answered = (action: QuestionAnswer['action']) => ({ answer: { action }, askedAt });
const unanswered = { askedAt };
const settled = {
  outcome: { type: 'succeeded', content: 'booked' },
  attempts: 1,
  start: 50,
  end: 60,
} as const;

test('questions of one result are asked one after another, and answered together', () => {
  let call = afterQuestions(undefined, asks('One', 'Two'), begun);
  expect(nextQuestion(call)).toMatchObject({ message: 'One', number: 1 });
  call = afterDecision(call, { decision: 'approved', by: 'ada', at }, answered('accept'));
  expect(nextQuestion(call)).toMatchObject({ message: 'Two', number: 2 });
  call = afterDecision(
    call,
    { decision: 'denied', by: 'bob', reason: 'no', at },
    answered('cancel'),
  );
  expect(nextQuestion(call)).toBeUndefined();
  expect(afterDecision(call, { decision: 'denied', at }, unanswered)).toBe(call);
  expect(answersOf(call)).toEqual({
    times: 1,
    responses: { one: { action: 'accept' }, two: { action: 'cancel' } },
    state: 'One,Two',
  });
  expect(call.records).toEqual([
    { number: 1, message: 'One', decision: 'answered', by: 'ada', askedAt: asked, at },
    {
      number: 2,
      message: 'Two',
      decision: 'dismissed',
      by: 'bob',
      reason: 'no',
      askedAt: asked,
      at,
    },
  ]);
});

test('counting goes on when a server asks again, and its call keeps its beginning', () => {
  let call = afterQuestions(undefined, asks('One'), begun);
  call = afterDecision(call, { decision: 'approved', by: 'ada', at }, answered('accept'));
  call = afterQuestions(call, { questions: asks('More').questions }, { attempts: 2, start: 30 });
  expect(nextQuestion(call)).toMatchObject({ message: 'More', number: 2 });
  expect(answersOf(call)).toEqual({ times: 2, responses: {} });
  expect(withQuestions(settled, call)).toMatchObject({ attempts: 4, start: 10, end: 60 });
  expect(asksTooOften(call)).toBe(false);
  expect(asksTooOften({ ...call, times: 21 })).toBe(true);
  expect(afterQuestions(undefined, { questions: [] }, begun).server).toBe('');
});

test('the model reads that a person has declined, and nothing else about answers', () => {
  const open = afterQuestions(undefined, asks('One'), begun);
  const by = { by: 'ada', at };
  const ended = (
    ...decided: Parameters<typeof afterDecision> extends [unknown, ...infer Rest] ? Rest : never
  ) => withQuestions(settled, afterDecision(open, ...decided)).outcome;
  expect(withQuestions(settled, undefined)).toBe(settled);
  expect(withQuestions(settled, open)).not.toHaveProperty('questions');
  expect(ended({ decision: 'approved', ...by }, answered('accept'))).toEqual(settled.outcome);
  expect(ended({ decision: 'denied', ...by, reason: 'no' }, answered('decline'))).toEqual({
    type: 'succeeded',
    content:
      'A person declined to answer what the server desk asked in the middle of this call: no\n\nbooked',
  });
  expect(ended({ decision: 'denied', ...by, reason: ' ' }, answered('cancel'))).toMatchObject({
    content: expect.stringMatching(/in the middle of this call\n\nbooked$/) as string,
  });
  const expired = afterDecision(open, { decision: 'expired', at }, unanswered);
  expect(expired.records).toEqual([
    { number: 1, message: 'One', decision: 'expired', askedAt: asked, at },
  ]);
  expect(withQuestions(settled, expired).outcome).toEqual(settled.outcome);
});
