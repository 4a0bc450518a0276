import { notCallable, notCallableAsSource } from './callable.ts';
import { aKindOf, isErrorValue } from './failures.ts';
import { isPlain, isRecord, shorten } from './json.ts';
import { findUnwalkable } from './shape.ts';

// What a caller without types may give to a function of ours. Each check returns what is wrong with an
// argument, or `undefined`; the caller throws its own error.

/** Temporal's limit for ids and names. */
export const NAME_LIMIT = 1_000;

export function recordProblem(name: string, value: unknown): string | undefined {
  return isRecord(value) ? undefined : `${name} must be an object; got ${given(value)}`;
}

export function textProblem(name: string, value: unknown, limit = NAME_LIMIT): string | undefined {
  if (typeof value !== 'string') return `${name} must be a text; got ${given(value)}`;
  if (value === '') return `${name} is empty`;
  if (!value.isWellFormed()) return `${name} holds half a character`;
  return value.length <= limit
    ? undefined
    : `${name} must have 1 to ${limit} characters; got ${value.length}`;
}

/** A function that runs when it is called. */
export function functionProblem(name: string, value: unknown): string | undefined {
  return problemOfFunction(name, value, notCallable);
}

/** A function that may return a generator, for a caller that goes through what it yields. */
export function sourceProblem(name: string, value: unknown): string | undefined {
  return problemOfFunction(name, value, notCallableAsSource);
}

/** A function that may be left out. */
export function optionalFunctionProblem(name: string, value: unknown): string | undefined {
  return value === undefined ? undefined : functionProblem(name, value);
}

/** An object with these functions. `wanted` says what it should be. */
export function methodsProblem(
  name: string,
  value: unknown,
  { methods, wanted }: { methods: readonly string[]; wanted: string },
): string | undefined {
  if (!isRecord(value) || methods.some((method) => typeof value[method] !== 'function')) {
    return `${name} must ${wanted}; got ${given(value)}`;
  }
  const problems = methods.map((method) => functionProblem(`${name}.${method}`, value[method]));
  return problems.find((problem) => problem !== undefined);
}

function problemOfFunction(
  name: string,
  value: unknown,
  problem: (value: object) => string | undefined,
): string | undefined {
  if (typeof value !== 'function') return `${name} must be a function; got ${given(value)}`;
  const why = problem(value);
  return why === undefined ? undefined : `${name} ${why}`;
}

/** A list of texts that may be left out. A text alone has the methods of a list, and would mean something else. */
export function optionalTextsProblem(name: string, value: unknown): string | undefined {
  const isList = Array.isArray(value) && value.every((one) => typeof one === 'string');
  return value === undefined || isList
    ? undefined
    : `${name} must be a list of texts; got ${given(value)}`;
}

/** `true` or `false`, or left out. A text such as "false" would count as true. */
export function optionalBooleanProblem(name: string, value: unknown): string | undefined {
  return value === undefined || typeof value === 'boolean'
    ? undefined
    : `${name} must be true or false; got ${given(value)}`;
}

/** A text that may be left out. */
export function optionalTextProblem(
  name: string,
  value: unknown,
  limit = NAME_LIMIT,
): string | undefined {
  return value === undefined ? undefined : textProblem(name, value, limit);
}

/** Why JSON would not say what the value says, or `undefined`. */
export function jsonProblem(name: string, value: unknown): string | undefined {
  try {
    JSON.stringify(value);
    return findUnwalkable(value, name) ?? findLoss(name, value);
  } catch (error) {
    const why = error instanceof Error ? error.message.split('\n')[0] : String(error);
    return `${name} must be JSON: ${why}`;
  }
}

/** Of many values JSON makes `{}`, null or nothing, without a word. The value must not hold itself. */
function findLoss(at: string, given: unknown): string | undefined {
  const value = hasToJson(given) ? given.toJSON() : given;
  const kind = lostKind(value);
  if (kind !== undefined) return `${at} is ${kind}, which JSON cannot hold: give plain data`;
  if (typeof value !== 'object' || value === null) return undefined;
  for (const [key, inner] of Object.entries(value)) {
    const problem = findLoss(Array.isArray(value) ? `${at}[${key}]` : `${at}.${key}`, inner);
    if (problem !== undefined) return problem;
  }
  return undefined;
}

function hasToJson(value: unknown): value is { toJSON: () => unknown } {
  return isRecord(value) && typeof value['toJSON'] === 'function';
}

/** What a value is of which JSON would lose all, or all that a person means by it. */
function lostKind(value: unknown): string | undefined {
  if (typeof value === 'function' || typeof value === 'symbol') return `a ${typeof value}`;
  if (typeof value === 'number') return Number.isFinite(value) ? undefined : String(value);
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return undefined;
  const isEmpty = Object.keys(value).length === 0 && !isPlain(value);
  return isEmpty || isErrorValue(value) || ArrayBuffer.isView(value) ? aKindOf(value) : undefined;
}

/** How an error shows a wrong argument. Never throws. */
export function given(value: unknown): string {
  if (typeof value === 'string') return JSON.stringify(shorten(value, 100));
  if (Array.isArray(value)) return 'a list';
  if (typeof value === 'function') return 'a function';
  return isRecord(value) ? 'an object' : String(value);
}

/** Throws the first problem. */
export function rejectIf(
  Invalid: new (message: string) => Error,
  ...problems: readonly (string | undefined)[]
): void {
  const problem = problems.find((one) => one !== undefined);
  if (problem !== undefined) throw new Invalid(problem);
}
