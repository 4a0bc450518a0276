import { msToNumber } from '@temporalio/common/lib/time.js';
import { z } from 'zod';
import { notCallable } from '../core/callable.ts';
import { DURATION, isDuration } from '../core/duration.ts';
import { causeChain } from '../core/failures.ts';
import { isRecord, placeOfHalf, shorten } from '../core/json.ts';
import { findQueueNameProblem } from '../core/names.ts';
import { DeclarationError } from './declaration-error.ts';

// The texts in this file and in the schemas of options are ends of sentences: `checkOptions` adds the option
// before them and the value after them.

/** Milliseconds, or a string that the `ms` package reads: `'500ms'`, `'30s'`, `'2 minutes'`. */
export type Duration = number | string;

const NOT_A_DURATION = `must be ${DURATION}`;

/** A duration within Temporal's bounds; becomes milliseconds. */
export const duration = z
  // Not `z.number()`, which rejects Infinity and NaN with a text of its own.
  .custom<Duration>(
    (value) => typeof value === 'number' || typeof value === 'string',
    NOT_A_DURATION,
  )
  .transform((value, { issues }) => {
    const milliseconds = toMilliseconds(value);
    if (milliseconds !== undefined) return milliseconds;
    issues.push({ code: 'custom', input: value, message: NOT_A_DURATION });
    return z.NEVER;
  });

function toMilliseconds(value: Duration): number | undefined {
  try {
    const milliseconds = msToNumber(value as Parameters<typeof msToNumber>[0]);
    return isDuration(milliseconds) ? milliseconds : undefined;
  } catch {
    return undefined;
  }
}

export function wholeNumber(min: number, max = Number.MAX_SAFE_INTEGER) {
  const range = max === Number.MAX_SAFE_INTEGER ? `of at least ${min}` : `from ${min} to ${max}`;
  const error = `must be a whole number ${range}`;
  return z.int({ error }).min(min, { error }).max(max, { error });
}

/** A text with more than spaces in it. */
export function someText(hint = LEAVE_OUT) {
  return z.string().refine((text) => text.trim() !== '', `must not be blank: ${hint}`);
}

/** A list with at least one item. */
export function someOf<Item extends z.ZodType>(item: Item) {
  return z.array(item).min(1, `must not be empty: ${LEAVE_OUT}`);
}

/** An option that is a function, or may be: calling it must run it. */
export function callable<Option extends z.ZodType>(option: Option) {
  return option.check(({ value, issues }) => {
    const message = typeof value === 'function' ? notCallable(value) : undefined;
    if (message !== undefined) issues.push({ code: 'custom', input: value, message });
  });
}

/** For `refine`: whether the value can be part of a request. */
export function isJson(value: unknown): boolean {
  try {
    return JSON.stringify(value) !== undefined;
  } catch {
    return false;
  }
}

const LEAVE_OUT = 'leave the option out instead';

/**
 * Checks options against their schema. Throws a `DeclarationError` with everything that is wrong with
 * them.
 */
export function checkOptions<Schema extends z.ZodObject>(
  subject: string,
  schema: Schema,
  options: unknown,
): z.output<Schema> {
  const checked = schema.safeParse(options, { error: endOfSentence });
  if (checked.success) return checked.data;
  throw wrongOptions(
    subject,
    checked.error.issues.map((issue) => problemOf(issue, schema, options)),
  );
}

/**
 * Turns whatever `make` throws into a `DeclarationError`: a getter of the options may throw, a proxy may be
 * revoked.
 */
export function declaring<T>(subject: string, make: () => T): T {
  try {
    return make();
  } catch (error) {
    if (error instanceof DeclarationError) throw error;
    throw new DeclarationError(`${subject}: the options cannot be read: ${causeChain(error)}`, {
      cause: error,
    });
  }
}

/** `defineTool("pay")`. */
export function subjectOf(declare: string, options: unknown): string {
  return declaring(
    declare,
    () => `${declare}(${shown((options as { name?: unknown } | undefined)?.name)})`,
  );
}

/** Several problems are numbered, one on each line, so that they stay apart when a log joins the lines. */
export function wrongOptions(subject: string, problems: readonly string[]): DeclarationError {
  const lines = [...new Set(problems)];
  return new DeclarationError(
    lines.length === 1
      ? `${subject}: ${lines.join('')}`
      : [`${subject}:`, ...lines.map((line, i) => `${i + 1}. ${line}`)].join('\n  '),
  );
}

/** Finds half a surrogate pair in texts that go into every request. Returns one problem at most. */
export function halfProblems(texts: object): string[] {
  const place = placeOfHalf(texts, '');
  return place === undefined
    ? []
    : [
        `${place.toWellFormed()} holds half of an emoji or of another pair of characters, which the API rejects: was it cut with slice()?`,
      ];
}

/** A valid name for the server. With an invalid one no call could be scheduled, and the turn would be stuck. */
export const queueName = z.string().check(({ value, issues }) => {
  const problem = findQueueNameProblem(value);
  if (problem !== undefined) issues.push({ code: 'custom', input: value, message: problem });
});

/** How an error shows a wrong value. */
export function shown(value: unknown): string {
  if (typeof value === 'string') return JSON.stringify(shorten(value, 100));
  if (Array.isArray(value)) return value.length === 0 ? '[]' : 'an array';
  if (typeof value === 'function') return 'a function';
  return isRecord(value) ? 'an object' : String(value);
}

/** Replaces zod's own texts, for schemas that have none. */
function endOfSentence(issue: z.core.$ZodRawIssue): string | undefined {
  if (issue.code === 'invalid_type') return `must be ${TYPES[issue.expected] ?? issue.expected}`;
  return issue.code === 'invalid_value' ? `must be ${oneOf(issue.values)}` : undefined;
}

/** `"a", "b", or "c"`. */
export function oneOf(values: readonly unknown[]): string {
  const list = new Intl.ListFormat('en', { type: 'disjunction' });
  return list.format(values.map((value) => JSON.stringify(value)));
}

const TYPES: Partial<Record<string, string>> = {
  object: 'an object',
  array: 'an array',
  string: 'a text',
  boolean: 'true or false',
  number: 'a number',
};

function problemOf(issue: z.core.$ZodIssue, schema: z.ZodObject, options: unknown): string {
  const where = pathText(issue.path);
  if (issue.code === 'unrecognized_keys') {
    const names = issue.keys.map((key) => (where === '' ? key : `${where}.${key}`));
    const known = knownKeys(schema, issue.path);
    const hint = known === '' ? '' : `; known options: ${known}`;
    return `unknown option${names.length === 1 ? '' : 's'} ${names.join(', ')}${hint}`;
  }
  const given = issue.path.reduce<unknown>(
    (value, key) => (value as Record<PropertyKey, unknown>)[key],
    options,
  );
  return `${where === '' ? 'the options' : where} ${issue.message}; got ${shown(given)}`;
}

/** As in code: `fallbacks[0].on`. */
function pathText(path: readonly PropertyKey[]): string {
  return path
    .map((key, i) => (typeof key === 'number' ? `[${key}]` : `${i === 0 ? '' : '.'}${String(key)}`))
    .join('');
}

function knownKeys(schema: z.ZodObject, path: readonly PropertyKey[]): string {
  let current: unknown = schema;
  for (const key of path) {
    current = unwrapped(current);
    if (current instanceof z.ZodArray) current = current.element;
    else if (current instanceof z.ZodObject) current = current.shape[String(key)];
    else return '';
  }
  current = unwrapped(current);
  return current instanceof z.ZodObject ? Object.keys(current.shape).join(', ') : '';
}

function unwrapped(schema: unknown): unknown {
  return schema instanceof z.ZodOptional ? schema.unwrap() : schema;
}
