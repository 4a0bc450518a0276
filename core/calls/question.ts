import { isRecord, jsonBytes, wellFormed } from '../json.ts';
import type { Json } from '../json.ts';
import type { Shape } from '../shape.ts';
import { anything, byType, list, object, oneOf, optional, record, text } from '../shape.ts';

// The questions of an MCP server in the middle of a call (elicitation): a flat form, or a visit to a page.
// https://modelcontextprotocol.io/specification/draft/client/elicitation

/** What an MCP server asks in the middle of a call. The words are the server's. */
export type CallQuestion =
  | {
      type: 'form';
      /** The name of the server. */
      server: string;
      message: string;
      /**
       * What the answer must match: a JSON Schema of an object whose properties are texts, numbers, booleans,
       * or choices of texts.
       */
      schema: AnswerSchema;
    }
  | {
      type: 'url';
      /** The name of the server. */
      server: string;
      message: string;
      /** Where the person has to do something, in a browser. It begins with `https:` or `http:`. */
      url: string;
    };

/** What the answer to a question must match. Flat: no property is an object. */
export interface AnswerSchema {
  type: 'object';
  properties: Record<string, Record<string, Json>>;
  required?: string[];
}

/** A question, by the name under which the server wants its answer. */
export interface AskedQuestion {
  key: string;
  question: CallQuestion;
}

/** The questions with which a server interrupts a call. */
export interface CallQuestions {
  /** In the server's order; at least one. */
  questions: AskedQuestion[];
  /** What the server wants back unchanged with the answers. */
  state?: string;
  /** The worker has an `authorizeDecision`, which is asked about the answers. */
  authorize?: true;
}

/** MCP's answer to a question. */
export type QuestionAnswer =
  | { action: 'accept'; content?: Record<string, Json> }
  | { action: 'decline' }
  | { action: 'cancel' };

/** How a call goes on after its questions. */
export interface AnsweredQuestions {
  /** How often the server has asked, from 1. */
  times: number;
  /** By the server's names. */
  responses: Record<string, QuestionAnswer>;
  state?: string;
}

/** What a person said to a question, or that nobody did. */
export interface QuestionRecord {
  /** From 1: which question of the call it was. */
  number: number;
  /** In the server's words. */
  message: string;
  /** `dismissed`: somebody has closed it without an answer. `expired`: nobody answered in time. */
  decision: 'answered' | 'declined' | 'dismissed' | 'expired';
  /** Who answered; absent where nobody did. */
  by?: string;
  /** Why, where a reason was given. */
  reason?: string;
  /** When it was put to a person; ISO 8601. */
  askedAt: string;
  /** When it was decided; ISO 8601. */
  at: string;
}

/** A server that asks more often will never finish the call. */
export const MAX_QUESTION_ROUNDS = 20;

/** All questions of a result and its state, in bytes of JSON: they are in history twice. */
const MAX_QUESTIONS_BYTES = 100_000;

const MAX_ANSWER_BYTES = 100_000;

const MAX_KEY = 1_000;
const MAX_LISTED = 10;

export type QuestionsRead =
  | { type: 'questions'; questions: AskedQuestion[] }
  /** `why` is the end of a sentence about the server: "it …". */
  | { type: 'unusable'; why: string };

/** Reads the questions of a server, which may send anything. */
export function readQuestions(server: string, requests: unknown, state?: string): QuestionsRead {
  const entries = Object.entries(isRecord(requests) ? requests : {});
  const questions: AskedQuestion[] = [];
  for (const [key, request] of entries) {
    const read = readQuestion(server, request);
    if (typeof read === 'string') return { type: 'unusable', why: read };
    questions.push(wellFormed({ key, question: read }));
  }
  const bytes = jsonBytes([questions, state]);
  if (bytes > MAX_QUESTIONS_BYTES || entries.some(([key]) => key.length > MAX_KEY)) {
    return {
      type: 'unusable',
      why: `asks in ${bytes} bytes, and ${MAX_QUESTIONS_BYTES} are possible`,
    };
  }
  return { type: 'questions', questions };
}

function readQuestion(server: string, request: unknown): CallQuestion | string {
  const { method, params } = isRecord(request) ? request : {};
  if (method !== 'elicitation/create') return `asks for ${kindOf(method)}, and not a person`;
  const { message, mode = 'form', url, requestedSchema } = isRecord(params) ? params : {};
  if (typeof message !== 'string') return 'asks without words';
  if (mode === 'url') {
    // Only http(s), because a page may show it as a link.
    if (typeof url === 'string' && /^https?:\/\//i.test(url)) {
      return { type: 'url', server, message, url };
    }
    return 'asks for a visit to what is not a web page';
  }
  const schema = readSchema(requestedSchema);
  return mode === 'form' && schema !== undefined
    ? { type: 'form', server, message, schema }
    : 'asks in a form that Plait does not know';
}

function kindOf(method: unknown): string {
  if (method === 'sampling/createMessage') return 'a model (sampling)';
  if (method === 'roots/list') return 'folders (roots)';
  return 'something unknown';
}

function readSchema(given: unknown): AnswerSchema | undefined {
  if (!isRecord(given) || !isRecord(given['properties'])) return undefined;
  const { properties, required } = given;
  if (!Object.values(properties).every(isRecord)) return undefined;
  const names = Array.isArray(required) ? required.filter((one) => typeof one === 'string') : [];
  return {
    type: 'object',
    properties: properties as AnswerSchema['properties'],
    ...(names.length === 0 ? {} : { required: names }),
  };
}

/** Why this is not an answer to the question, in a sentence; `undefined` if it is. */
export function findAnswerProblem(question: CallQuestion, answer: unknown): string | undefined {
  if (question.type === 'url') {
    return answer === undefined
      ? undefined
      : 'this question is answered at its URL: approve it without an answer';
  }
  const { properties, required = [] } = question.schema;
  const fields = fieldsText(question.schema);
  if (answer !== undefined && !isRecord(answer)) {
    return `answer must be an object with the fields of the question: ${fields}`;
  }
  const content = withDefaults(question.schema, answer ?? {});
  const unknown = Object.keys(content).filter((name) => !Object.hasOwn(properties, name));
  if (unknown.length > 0) {
    return `answer has the unknown field ${unknown.slice(0, MAX_LISTED).join(', ')}; the question has ${fields}`;
  }
  const missing = required.filter((name) => !Object.hasOwn(content, name));
  if (missing.length > 0) {
    return `answer lacks ${missing.slice(0, MAX_LISTED).join(', ')}; the question has ${fields}`;
  }
  for (const [name, field] of Object.entries(properties)) {
    if (!Object.hasOwn(content, name) || fitsField(readField(field), content[name])) continue;
    return `answer.${name} must be ${fieldText(field)}`;
  }
  return jsonBytes(content) > MAX_ANSWER_BYTES
    ? `answer must have at most ${MAX_ANSWER_BYTES} bytes`
    : undefined;
}

/** The answer for the server. Missing fields get the server's defaults. */
export function acceptedAnswer(question: CallQuestion, answer: unknown): QuestionAnswer {
  if (question.type === 'url') return { action: 'accept' };
  const given = (answer ?? {}) as Record<string, Json>;
  return { action: 'accept', content: withDefaults(question.schema, given) };
}

function withDefaults<T>({ properties }: AnswerSchema, answer: Record<string, T>) {
  const defaults = Object.entries(properties).flatMap(([name, field]) =>
    field['default'] === undefined ? [] : [[name, field['default']] as const],
  );
  return { ...Object.fromEntries(defaults), ...answer } as Record<string, T>;
}

/**
 * The fields of a form and what each accepts, in words: `seats (a whole number of at least 1), note (a text,
 * optional)`.
 */
export function fieldsText({ properties, required = [] }: AnswerSchema): string {
  const fields = Object.entries(properties);
  if (fields.length === 0) return 'no fields';
  const shown = fields.slice(0, MAX_LISTED).map(([name, field]) => {
    const more = required.includes(name) ? '' : ', optional';
    return `${name} (${fieldText(field)}${more})`;
  });
  return shown.join(', ') + (fields.length > MAX_LISTED ? ' …' : '');
}

/** What a field of a form accepts. */
export type AnswerField =
  | { type: 'text'; min: number; max: number; format: string | undefined }
  | { type: 'number'; min: number; max: number; isWhole: boolean }
  | { type: 'boolean' }
  | { type: 'choice'; values: string[] }
  | { type: 'choices'; values: string[]; min: number; max: number }
  | { type: 'anything' };

const none = Number.NEGATIVE_INFINITY;
const any = Number.POSITIVE_INFINITY;

/** A field, as MCP describes them. */
export function readField(field: Record<string, unknown>): AnswerField {
  const bound = (name: string, otherwise: number): number => {
    const value = field[name];
    return typeof value === 'number' ? value : otherwise;
  };
  const values = choicesIn(field);
  if (values !== undefined) return { type: 'choice', values };
  const { type, format, items } = field;
  switch (type) {
    case 'string': {
      const known = typeof format === 'string' ? format : undefined;
      return {
        type: 'text',
        min: bound('minLength', 0),
        max: bound('maxLength', any),
        format: known,
      };
    }
    case 'number':
    case 'integer': {
      const isWhole = type === 'integer';
      return { type: 'number', min: bound('minimum', none), max: bound('maximum', any), isWhole };
    }
    case 'boolean':
      return { type };
    case 'array': {
      const many = isRecord(items) ? choicesIn(items) : undefined;
      if (many === undefined) return { type: 'anything' };
      return {
        type: 'choices',
        values: many,
        min: bound('minItems', 0),
        max: bound('maxItems', any),
      };
    }
    default:
      return { type: 'anything' };
  }
}

function choicesIn({ enum: plain, oneOf: one, anyOf }: Record<string, unknown>) {
  const titled = [one, anyOf].find(Array.isArray) as unknown[] | undefined;
  const values = Array.isArray(plain)
    ? (plain as unknown[])
    : titled?.map((each) => (isRecord(each) ? each['const'] : undefined));
  return values?.filter((value) => typeof value === 'string');
}

const FORMATS: Readonly<Record<string, readonly [must: string, fits: (value: string) => boolean]>> =
  {
    email: ['an e-mail address', (value) => /^[^\s@]+@[^\s@]+$/.test(value)],
    uri: ['a URI', (value) => /^[a-z][a-z0-9+.-]*:\S+$/i.test(value)],
    date: ['a date such as 2026-03-31', (value) => isDate(/^\d{4}-\d\d-\d\d$/, value)],
    'date-time': [
      'a time such as 2026-03-31T08:00:00Z',
      (value) => isDate(/^\d{4}-\d\d-\d\dT\d\d:\d\d(:\d\d(\.\d+)?)?(Z|[+-]\d\d:\d\d)$/i, value),
    ],
  };

function isDate(pattern: RegExp, value: string): boolean {
  return pattern.test(value) && !Number.isNaN(Date.parse(value));
}

function fitsField(field: AnswerField, value: unknown): boolean {
  switch (field.type) {
    case 'text':
      return (
        typeof value === 'string' &&
        isWithin(value.length, field) &&
        (FORMATS[field.format ?? '']?.[1](value) ?? true)
      );
    case 'number':
      return (
        typeof value === 'number' &&
        Number.isFinite(value) &&
        isWithin(value, field) &&
        (!field.isWhole || Number.isInteger(value))
      );
    case 'boolean':
      return typeof value === 'boolean';
    case 'choice':
      return field.values.includes(value as string);
    case 'choices':
      return (
        Array.isArray(value) &&
        isWithin(value.length, field) &&
        value.every((one) => field.values.includes(one as string))
      );
    case 'anything':
      return !isRecord(value);
  }
}

function isWithin(size: number, { min, max }: { min: number; max: number }): boolean {
  return size >= min && size <= max;
}

/** What a field accepts, in words for a person. */
export function fieldText(schema: Record<string, unknown>): string {
  const field = readField(schema);
  switch (field.type) {
    case 'text': {
      const [what = 'a text'] = FORMATS[field.format ?? ''] ?? [];
      return what + bounds({ ...field, min: field.min === 0 ? none : field.min }, ' characters');
    }
    case 'number':
      return (field.isWhole ? 'a whole number' : 'a number') + bounds(field, '');
    case 'boolean':
      return 'true or false';
    case 'choice':
      return `one of ${quoted(field.values)}`;
    case 'choices':
      return `a list of ${quoted(field.values)}${bounds({ ...field, min: field.min === 0 ? none : field.min }, ' items')}`;
    case 'anything':
      return 'a value that is not an object';
  }
}

function quoted(values: readonly string[]): string {
  const shown = values.slice(0, MAX_LISTED).map((value) => JSON.stringify(value));
  return shown.join(', ') + (values.length > MAX_LISTED ? ' …' : '');
}

function bounds({ min, max }: { min: number; max: number }, unit: string): string {
  if (min === none && max === any) return '';
  if (max === any) return ` of at least ${min}${unit}`;
  return min === none ? ` of at most ${max}${unit}` : ` of ${min} to ${max}${unit}`;
}

const FIELDS = record(anything) as Shape<Record<string, Json>>;

/** Questions as a history holds them. */
export const CALL_QUESTIONS = object<CallQuestions>({
  questions: list(
    object<AskedQuestion>({
      key: text(),
      question: byType<CallQuestion>({
        form: {
          server: text(),
          message: text(),
          schema: object<AnswerSchema>({
            type: oneOf('object'),
            properties: record(FIELDS),
            required: optional(list(text())),
          }),
        },
        url: { server: text(), message: text(), url: text() },
      }),
    }),
  ),
  state: optional(text()),
  authorize: optional(oneOf(true)),
});
