import { shorten } from './json.ts';

// What may come in from outside: arguments, Signals, Updates, results that somebody gave by hand. Each door
// has a shape, and parses what comes by it. A schema library does not run in the workflow sandbox.

/**
 * Says what is wrong with a value, in a sentence that begins with its place: `by must be a text`.
 * `undefined` where it fits.
 */
export interface Shape<out T> {
  (value: unknown, at: string): string | undefined;
  /** Only for the compiler. */
  readonly fits?: T;
}

/** Stands in the place of a payload that could not be decoded: it must reach a door to be answered. */
export class Unreadable {
  readonly why: string;

  constructor(why: string) {
    this.why = why;
  }
}

/** Deeper values overflow the stack of the functions that walk them, `JSON.stringify` among them. */
export const MAX_DEPTH = 500;

/** More values than these take longer to walk, to compare and to write than a worker may stand still. */
const MAX_VALUES = 100_000;
/**
 * Of all texts and names together, without the data of images and documents. No model reads as much, and
 * context is for tools: what is larger belongs into a database.
 */
const MAX_CHARACTERS = 10_000_000;
/** Of what is said about a value: an id in it may have megabytes. */
export const MAX_PROBLEM = 2_000;

/** Of the names that a message lists. */
const MAX_LISTED = 5;

/**
 * What is wrong with a whole argument, or `undefined`. `name` is what people know it by; its fields are
 * known by their own names.
 */
export function misfit(shape: Shape<unknown>, value: unknown, name: string): string | undefined {
  const problem = findUnwalkable(value, name, AT_DOORS) ?? shape(value, '');
  return problem === undefined ? undefined : shorten(problem, MAX_PROBLEM);
}

/** The same of what Plait itself has handed on: it may hold what a model wrote, and its fields are its. */
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

/** Why a value would take too long, or too deep a stack. Also of one that contains itself. */
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

/** Counts down what is left, and stops where nothing is. `false` where it is nested too deep. */
function isWalked(value: unknown, levels: number, left: Omit<Bounds, 'depth'>): boolean {
  left.values -= 1;
  if (typeof value === 'string') left.characters -= value.length;
  if (typeof value !== 'object' || value === null || ArrayBuffer.isView(value)) return true;
  if (levels === 0) return false;
  // Without a list of the values: there may be a million.
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
    // The doors say by themselves how many bytes files may take.
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

/** Any value; JSON has no other. */
export const anything: Shape<unknown> = () => undefined;

/** A value for which `isFit` holds; `must` is the rest of the sentence: `be a text`. */
export function that<T>(must: string, isFit: (value: unknown) => boolean): Shape<T> {
  return (value, at) => (isFit(value) ? undefined : placed(at, `must ${must}`));
}

/** The same shape with words of its own for the value itself, not for what is in it. */
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

/** With something in it that can be seen. */
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

/** Nothing, or this. */
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

/** A list of exactly these, the last of which may be missing where they are optional. */
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

/** An object with these fields. Others are ignored: a newer version of Plait may have more. */
export function object<T>(fields: Fields<T>): Shape<T> {
  const shapes = Object.entries<Shape<unknown>>(fields as Record<string, Shape<unknown>>);
  return (value, at) => {
    if (!isObject(value)) return placed(at, 'must be an object');
    return firstOf(shapes, ([key, shape]) => shape(value[key], fieldOf(at, key)));
  };
}

/** An object with these fields and no others: what a person writes may hold a mistake. `what` has them. */
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

/** A whole argument that is an object; `sentence` says which, where it is not. */
export function argument<T>(sentence: string, shape: Shape<T>): Shape<T> {
  return (value, at) => (isObject(value) ? shape(value, at) : sentence);
}

/** An object with any keys and such values. */
export function record<T>(item: Shape<T>): Shape<Record<string, T>> {
  return (value, at) => {
    if (!isObject(value)) return placed(at, 'must be an object');
    return firstOf(Object.entries(value), ([key, one]) => item(one, fieldOf(at, key)));
  };
}

/** What fits one of them; else what the last one says. */
export function either<A, B>(first: Shape<A>, second: Shape<B>): Shape<A | B> {
  return (value, at) => (first(value, at) === undefined ? undefined : second(value, at));
}

/** A union with a `type`, by the other fields of each. */
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

/** JSON's. Bytes are an object too, and have a field for each of them. */
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
