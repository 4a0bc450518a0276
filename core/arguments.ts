import { isRecord, shorten } from './json.ts';

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

export function functionProblem(name: string, value: unknown): string | undefined {
  return typeof value === 'function'
    ? undefined
    : `${name} must be a function; got ${given(value)}`;
}

/** A text that may be left out. */
export function optionalTextProblem(name: string, value: unknown): string | undefined {
  return value === undefined ? undefined : textProblem(name, value);
}

export function jsonProblem(name: string, value: unknown): string | undefined {
  try {
    JSON.stringify(value);
    return undefined;
  } catch (error) {
    const why = error instanceof Error ? error.message.split('\n')[0] : String(error);
    return `${name} must be JSON: ${why}`;
  }
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
