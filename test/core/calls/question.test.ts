import { describe, expect, test } from 'vitest';
import {
  acceptedAnswer,
  CALL_QUESTIONS,
  fieldsText,
  fieldText,
  findAnswerProblem,
  readQuestions,
} from '../../../core/calls/question.ts';
import type { CallQuestion } from '../../../core/calls/question.ts';
import { fits } from '../../../core/shape.ts';

const elicitation = (params: unknown) => ({ a: { method: 'elicitation/create', params } });
const schema = (properties: object, required?: unknown) => ({
  type: 'object',
  properties,
  ...(required === undefined ? {} : { required }),
});

describe('what a server asks', () => {
  test('is read as a form or as a visit to a page', () => {
    const read = readQuestions('desk', {
      how: {
        method: 'elicitation/create',
        params: { message: 'How?', requestedSchema: schema({ a: {} }, ['a', 7]) },
      },
      site: {
        method: 'elicitation/create',
        params: { mode: 'url', message: 'Sign in.', url: 'https://a.example/' },
      },
    });
    expect(read).toEqual({
      type: 'questions',
      questions: [
        {
          key: 'how',
          question: {
            type: 'form',
            server: 'desk',
            message: 'How?',
            schema: { type: 'object', properties: { a: {} }, required: ['a'] },
          },
        },
        {
          key: 'site',
          question: { type: 'url', server: 'desk', message: 'Sign in.', url: 'https://a.example/' },
        },
      ],
    });
    expect(read.type === 'questions' && fits(CALL_QUESTIONS, { questions: read.questions })).toBe(
      true,
    );
    expect(fits(CALL_QUESTIONS, { questions: [{ key: 'a', question: { type: 'form' } }] })).toBe(
      false,
    );
  });

  test('may be an empty list', () => {
    expect(readQuestions('desk', undefined, 'state')).toEqual({ type: 'questions', questions: [] });
  });

  test.for([
    [{ a: { method: 'sampling/createMessage' } }, 'asks for a model (sampling), and not a person'],
    [{ a: { method: 'roots/list' } }, 'asks for folders (roots), and not a person'],
    [{ a: 7 }, 'asks for something unknown, and not a person'],
    [elicitation({ mode: 'form' }), 'asks without words'],
    [elicitation(undefined), 'asks without words'],
    [elicitation({ message: 'm' }), 'asks in a form that Plait does not know'],
    [elicitation({ message: 'm', requestedSchema: {} }), 'asks in a form that Plait does not know'],
    [
      elicitation({ message: 'm', requestedSchema: schema({ a: 'text' }) }),
      'asks in a form that Plait does not know',
    ],
    [
      elicitation({ message: 'm', mode: 'voice', requestedSchema: schema({}) }),
      'asks in a form that Plait does not know',
    ],
    [
      elicitation({ message: 'm', mode: 'url', url: 'javascript:alert(1)' }),
      'asks for a visit to what is not a web page',
    ],
    [elicitation({ message: 'm', mode: 'url' }), 'asks for a visit to what is not a web page'],
  ] as const)('cannot be answered: %j', ([requests, why]) => {
    expect(readQuestions('desk', requests)).toEqual({ type: 'unusable', why });
  });

  test('is rejected if it is far too long', () => {
    const params = { message: 'm', requestedSchema: schema({}) };
    const named = { ['k'.repeat(1_001)]: elicitation(params).a };
    expect(readQuestions('desk', named).type).toBe('unusable');
    const long = elicitation({ ...params, message: 'm'.repeat(100_001) });
    expect(readQuestions('desk', long)).toMatchObject({
      why: expect.stringMatching(/^asks in \d+ bytes, and 100000 are possible$/) as string,
    });
  });
});

const FIELDS = {
  seats: { type: 'integer', minimum: 1, maximum: 9 },
  price: { type: 'number', minimum: 0 },
  name: { type: 'string', minLength: 1, maxLength: 5 },
  note: { type: 'string' },
  mail: { type: 'string', format: 'email' },
  site: { type: 'string', format: 'uri' },
  day: { type: 'string', format: 'date' },
  time: { type: 'string', format: 'date-time' },
  other: { type: 'string', format: 'unheard-of' },
  sure: { type: 'boolean' },
  color: { type: 'string', enum: ['red', 'blue'] },
  size: { oneOf: [{ const: 's', title: 'Small' }, { const: 'l' }, 7] },
  tags: { type: 'array', items: { type: 'string', enum: ['a', 'b'] }, maxItems: 1 },
  many: { type: 'array', items: { anyOf: [{ const: 'x' }, { const: 'y' }] }, minItems: 1 },
  odd: { type: 'array' },
  any: {},
};

function question(properties: object = FIELDS, required: string[] = []): CallQuestion {
  return {
    type: 'form',
    server: 'desk',
    message: 'm',
    schema: { type: 'object', properties: properties as never, required },
  };
}

describe('an answer', () => {
  test.for([
    ['seats', 2, 2.5, 'a whole number of 1 to 9'],
    ['price', 0.5, -1, 'a number of at least 0'],
    ['price', 0, Number.NaN, 'a number of at least 0'],
    ['name', 'ada', 'augusta', 'a text of 1 to 5 characters'],
    ['note', '', 7, 'a text'],
    ['mail', 'a@b.example', 'a b', 'an e-mail address'],
    ['site', 'https://a.example', 'a.example', 'a URI'],
    ['day', '2026-03-31', '2026-13-31', 'a date such as 2026-03-31'],
    ['time', '2026-03-31T08:00:00Z', '2026-03-31', 'a time such as 2026-03-31T08:00:00Z'],
    ['other', 'x', null, 'a text'],
    ['sure', false, 'yes', 'true or false'],
    ['color', 'red', 'green', 'one of "red", "blue"'],
    ['size', 'l', 'Small', 'one of "s", "l"'],
    ['tags', ['a'], ['a', 'b'], 'a list of "a", "b" of at most 1 items'],
    ['tags', [], ['c'], 'a list of "a", "b" of at most 1 items'],
    ['many', ['x', 'y'], [], 'a list of "x", "y" of at least 1 items'],
    ['many', ['x'], 'x', 'a list of "x", "y" of at least 1 items'],
    ['odd', ['x'], {}, 'a value that is not an object'],
    ['any', 7, {}, 'a value that is not an object'],
  ] as const)('to the field %s may be %j, but not %j', ([name, good, bad, must]) => {
    expect(findAnswerProblem(question(), { [name]: good })).toBeUndefined();
    expect(findAnswerProblem(question(), { [name]: bad })).toBe(`answer.${name} must be ${must}`);
    expect(fieldText(FIELDS[name])).toBe(must);
  });

  test.for([
    [
      7,
      'answer must be an object with the fields of the question: a (a text), b (true or false, optional)',
    ],
    [
      { c: 1 },
      'answer has the unknown field c; the question has a (a text), b (true or false, optional)',
    ],
    [undefined, 'answer lacks a; the question has a (a text), b (true or false, optional)'],
    [{ a: 'a', b: true }, undefined],
  ] as const)('%j is checked before it is sent', ([answer, problem]) => {
    const asked = question({ a: { type: 'string' }, b: { type: 'boolean' } }, ['a']);
    expect(findAnswerProblem(asked, answer)).toBe(problem);
  });

  test('may not have megabytes', () => {
    const asked = question({ a: { type: 'string' } });
    expect(findAnswerProblem(asked, { a: 'a'.repeat(100_000) })).toBe(
      'answer must have at most 100000 bytes',
    );
  });

  test('needs no fields if the question has none, or if they have defaults', () => {
    expect(findAnswerProblem(question({}), undefined)).toBeUndefined();
    const asked = question({ a: { type: 'string', default: 'x' } }, ['a']);
    expect(findAnswerProblem(asked, undefined)).toBeUndefined();
    expect(acceptedAnswer(asked, undefined)).toEqual({ action: 'accept', content: { a: 'x' } });
    expect(acceptedAnswer(asked, { a: 'y' })).toEqual({ action: 'accept', content: { a: 'y' } });
  });

  test('to a visit says that somebody was there', () => {
    const visit: CallQuestion = {
      type: 'url',
      server: 'desk',
      message: 'm',
      url: 'https://a.example',
    };
    expect(findAnswerProblem(visit, undefined)).toBeUndefined();
    expect(findAnswerProblem(visit, {})).toMatch(/answered at its URL/);
    expect(acceptedAnswer(visit, undefined)).toEqual({ action: 'accept' });
  });

  test('is described in a few words, however many fields or choices there are', () => {
    const names = Object.fromEntries(
      Array.from({ length: 11 }, (_, i) => [`f${i}`, { type: 'boolean' }]),
    );
    expect(fieldsText({ type: 'object', properties: names })).toMatch(
      /f9 \(true or false, optional\) …$/,
    );
    expect(fieldsText({ type: 'object', properties: {} })).toBe('no fields');
    const values = Array.from({ length: 11 }, (_, i) => `v${i}`);
    expect(fieldText({ enum: values })).toMatch(/"v9" …$/);
  });
});
