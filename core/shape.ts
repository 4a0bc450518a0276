import { shorten } from './json.ts';

// The shapes of everything that may come in from outside: arguments, Signals, Updates, results that somebody
// entered by hand. Each door has a shape and checks its input with it. No schema library runs in the workflow
// sandbox.

/**
 * Says what is wrong with a value, in a sentence that begins with its place: `by must be a text`. `undefined`
 * if nothing is.
 */
export interface Shape<out T> {
  (value: unknown, at: string): string | undefined;
  /** Only for the compiler. */
  readonly fits?: T;
}

/** Replaces a payload that could not be decoded, so that it reaches a door and gets an answer. */
export class Unreadable {
  readonly why: string;

  constructor(why: string) {
    this.why = why;
  }
}

/** Deeper values overflow the stack of functions that walk them, such as `JSON.stringify`. */
export const MAX_DEPTH = 500;

/** More values take too long to walk, to compare and to write. */
const MAX_VALUES = 100_000;
/**
 * For all texts and names together, without the data of images and documents. No model reads as much, and
 * context is for tools: larger data belongs in a database.
 */
const MAX_CHARACTERS = 10_000_000;
/** For a sentence about a value, in characters: an id in it may have megabytes. */
export const MAX_PROBLEM = 2_000;

/** How many names a message lists. */
const MAX_LISTED = 5;

/**
 * What is wrong with a whole argument, or `undefined`. `name` is what people call it; they know its fields by
 * their own names.
 */
export function misfit(shape: Shape<unknown>, value: unknown, name: string): string | undefined {
  const problem = findUnwalkable(value, name, AT_DOORS) ?? shape(value, '');
  return problem === undefined ? undefined : shorten(problem, MAX_PROBLEM);
}

/**
 * The same for what Plait itself has handed on. It may be larger, since it holds what a model wrote, and a
 * field is named by its path.
 */
export function misfitCarried(
  shape: Shape<unknown>,
  value: unknown,
  name: string,
): string | undefined {
  return findUnwalkable(value, name, CARRIED) ?? shape(value, name);
}

interface Bounds {
  depth: number;
  values: number;
  characters: number;
}

const AT_DOORS: Bounds = { depth: MAX_DEPTH, values: MAX_VALUES, characters: MAX_CHARACTERS };
const CARRIED: Bounds = {
  depth: 2_000,
  values: Number.POSITIVE_INFINITY,
  characters: Number.POSITIVE_INFINITY,
};

/** Why walking a value would take too long or too deep a stack, for example because it contains itself. */
export function findUnwalkable(
  value: unknown,
  name: string,
  bounds: Bounds = AT_DOORS,
): string | undefined {
  if (value instanceof Unreadable) return `${name} cannot be read: ${value.why}`;
  const left = { values: bounds.values, characters: bounds.characters };
  if (!isWalked(value, bounds.depth, left)) {
    return `${name} is nested more than ${bounds.depth} levels deep`;
  }
  if (left.values < 0) return `${name} has more than ${bounds.values} values`;
  return left.characters < 0
    ? `${name} has more than ${bounds.characters} characters of text`
    : undefined;
}

export function fits<T>(shape: Shape<T>, value: unknown): value is T {
  return misfit(shape, value, 'it') === undefined;
}

/** Counts down `left`, and stops when nothing is left. `false` if it is nested too deeply. */
function isWalked(value: unknown, levels: number, left: Omit<Bounds, 'depth'>): boolean {
  left.values -= 1;
  if (typeof value === 'string') left.characters -= value.length;
  if (typeof value !== 'object' || value === null || ArrayBuffer.isView(value)) return true;
  if (levels === 0) return false;
  // No list of the values: there may be a million.
  if (Array.isArray(value)) {
    for (const inner of value) {
      if (left.values < 0 || left.characters < 0) return true;
      if (!isWalked(inner, levels - 1, left)) return false;
    }
    return true;
  }
  const fields = value as Record<string, unknown>;
  for (const key in fields) {
    if (left.values < 0 || left.characters < 0) return true;
    left.characters -= key.length;
    const inner = fields[key];
    // The doors themselves limit how many bytes files may have.
    if (key === 'data' && typeof inner === 'string' && 'media_type' in fields) continue;
    if (!isWalked(inner, levels - 1, left)) return false;
  }
  return true;
}

function placed(at: string, problem: string): string {
  return `${at === '' ? 'the argument' : at} ${problem}`;
}

function fieldOf(at: string, key: string): string {
  return at === '' ? key : `${at}.${key}`;
}

/** Any value that JSON can hold. */
export const anything: Shape<unknown> = () => undefined;

/** A value for which `isFit` returns true; `must` ends the sentence: `be a text`. */
export function that<T>(must: string, isFit: (value: unknown) => boolean): Shape<T> {
  return (value, at) => (isFit(value) ? undefined : placed(at, `must ${must}`));
}

/** The same shape with its own words about the value itself, but not about what is in it. */
export function said<T>(must: string, shape: Shape<T>): Shape<T> {
  return (value, at) => (shape(value, at) === undefined ? undefined : placed(at, `must ${must}`));
}

export function text(maxLength = Number.POSITIVE_INFINITY): Shape<string> {
  const limit = Number.isFinite(maxLength) ? ` of at most ${maxLength} characters` : '';
  return that(
    `be a text${limit}`,
    (value) => typeof value === 'string' && value.length <= maxLength,
  );
}

/** A text with at least one visible character. */
export function someText(maxLength: number): Shape<string> {
  return that(
    `be a text of 1 to ${maxLength} characters`,
    (value) => typeof value === 'string' && value.trim() !== '' && value.length <= maxLength,
  );
}

export const bool: Shape<boolean> = that('be true or false', (value) => typeof value === 'boolean');

export function number(
  min = Number.NEGATIVE_INFINITY,
  max = Number.POSITIVE_INFINITY,
): Shape<number> {
  return that(
    `be a number${range(min, max)}`,
    (value) => typeof value === 'number' && Number.isFinite(value) && value >= min && value <= max,
  );
}

export function whole(min = 0, max = Number.MAX_SAFE_INTEGER): Shape<number> {
  return that(
    `be a whole number${range(min, max === Number.MAX_SAFE_INTEGER ? Number.POSITIVE_INFINITY : max)}`,
    (value) => Number.isSafeInteger(value) && (value as number) >= min && (value as number) <= max,
  );
}

function range(min: number, max: number): string {
  if (Number.isFinite(min) && Number.isFinite(max)) return ` from ${min} to ${max}`;
  if (Number.isFinite(min)) return ` of at least ${min}`;
  return Number.isFinite(max) ? ` of at most ${max}` : '';
}

export function oneOf<const Value extends string | boolean>(
  ...values: readonly Value[]
): Shape<Value> {
  return that(`be ${values.length === 1 ? '' : 'one of '}${values.join(', ')}`, (value) =>
    values.includes(value as Value),
  );
}

/** Optional. */
export function optional<T>(shape: Shape<T>): Shape<T | undefined> {
  return (value, at) => (value === undefined ? undefined : shape(value, at));
}

/** `null`, or this. */
export function nullable<T>(shape: Shape<T>): Shape<T | null> {
  return (value, at) => (value === null ? undefined : shape(value, at));
}

export function list<T>(item: Shape<T>, maxLength = Number.POSITIVE_INFINITY): Shape<T[]> {
  return (value, at) => {
    if (!Array.isArray(value)) return placed(at, 'must be a list');
    if (value.length > maxLength) return placed(at, `must have at most ${maxLength} items`);
    return firstOf(value, (one, i) => item(one, `${at}[${i}]`));
  };
}

/** A list of exactly these items. The last one may be missing if it is optional. */
export function tuple<T extends readonly unknown[]>(
  ...items: { [I in keyof T]: Shape<T[I]> }
): Shape<T> {
  return (value, at) => {
    if (!Array.isArray(value) || value.length > items.length) {
      return placed(at, `must be a list of ${items.length}`);
    }
    return firstOf(items, (item, i) => item(value[i], `${at}[${i}]`));
  };
}

export type Fields<T> = {
  [K in keyof T]-?: object extends Pick<T, K> ? Shape<T[K] | undefined> : Shape<T[K]>;
};

/** An object with these fields. Other fields are ignored, because a newer version of Plait may have more. */
export function object<T>(fields: Fields<T>): Shape<T> {
  const shapes = Object.entries<Shape<unknown>>(fields as Record<string, Shape<unknown>>);
  return (value, at) => {
    if (!isObject(value)) return placed(at, 'must be an object');
    return firstOf(shapes, ([key, shape]) => shape(value[key], fieldOf(at, key)));
  };
}

/** An object with only these fields, because people make typing mistakes. `what` is its name in the error. */
export function closed<T>(what: string, fields: Fields<T>): Shape<T> {
  const shape = object(fields);
  const known = Object.keys(fields);
  return (value, at) => {
    if (!isObject(value)) return shape(value, at);
    const unknown = Object.keys(value).filter((key) => !known.includes(key));
    if (unknown.length === 0) return shape(value, at);
    const listed = unknown.slice(0, MAX_LISTED).map((key) => fieldOf(at, key.slice(0, 100)));
    const more = unknown.length > MAX_LISTED ? ` and ${unknown.length - MAX_LISTED} more` : '';
    return `unknown field ${listed.join(', ')}${more}; ${what} takes ${known.join(', ')}`;
  };
}

/** An argument that must be an object; `sentence` is the error if it is not. */
export function argument<T>(sentence: string, shape: Shape<T>): Shape<T> {
  return (value, at) => (isObject(value) ? shape(value, at) : sentence);
}

/** An object with any keys, and values of this shape. */
export function record<T>(item: Shape<T>): Shape<Record<string, T>> {
  return (value, at) => {
    if (!isObject(value)) return placed(at, 'must be an object');
    return firstOf(Object.entries(value), ([key, one]) => item(one, fieldOf(at, key)));
  };
}

/** One of both; the error is that of the second. */
export function either<A, B>(first: Shape<A>, second: Shape<B>): Shape<A | B> {
  return (value, at) => (first(value, at) === undefined ? undefined : second(value, at));
}

/** A union by `type`: the other fields of each kind. */
export function byType<T extends { type: string }>(kinds: {
  [K in T['type']]: Fields<Omit<Extract<T, { type: K }>, 'type'>>;
}): Shape<T> {
  const shapes = new Map(
    Object.entries<Fields<object>>(kinds).map(([type, fields]) => [type, object(fields)]),
  );
  return (value, at) => {
    if (!isObject(value)) return placed(at, 'must be an object');
    const shape = shapes.get(value['type'] as string);
    if (shape !== undefined) return shape(value, at);
    return `${fieldOf(at, 'type')} must be one of ${[...shapes.keys()].join(', ')}`;
  };
}

/** An object as JSON has it. Bytes are objects too, with a field for each of them. */
function isObject(value: unknown): value is Record<string, unknown> {
  return (
    typeof value === 'object' &&
    value !== null &&
    !Array.isArray(value) &&
    !ArrayBuffer.isView(value)
  );
}

function firstOf<Item>(
  items: readonly Item[],
  problemOf: (item: Item, index: number) => string | undefined,
): string | undefined {
  for (const [i, item] of items.entries()) {
    const problem = problemOf(item, i);
    if (problem !== undefined) return problem;
  }
  return undefined;
}
