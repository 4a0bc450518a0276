import { z } from 'zod';
import type { Access, AccessKeys } from '../core/calls/order.ts';
import { canonicalJson, isRecord } from '../core/json.ts';

/**
 * What a call of the tool touches. Calls of one reply run at once, unless one of them writes what
 * the other reads or writes; then they run in the order in which the model asked for them.
 *
 * - `'exclusive'`: everything. The call runs alone.
 * - `{ reads, writes }`: a field of the input, or an array of fields that name one thing together.
 *   Tools meet by the names and the values of the fields: `{ writes: 'path' }` of one tool and
 *   `{ reads: 'path' }` of another are the same file where the paths are equal.
 * - a function of the input, for what fields cannot say: `{ writes: 'path' }` is short for
 *   `({ path }) => ({ writes: { path } })`. An array is several keys. It is evaluated once, with the
 *   model's reply. Contract: it is pure and returns at once. When it throws, or returns anything
 *   else (a promise, say), nobody knows what the call touches, and it is `'exclusive'`.
 */
export type AccessOption<Input = Record<string, unknown>> =
  | 'exclusive'
  | { readonly reads?: Fields<Input>; readonly writes?: Fields<Input> }
  | ((input: Input) => DeclaredAccess | undefined);

/** One key: a field of the input, or several that name one thing together. Absent ones are null. */
export type Fields<Input> = FieldName<Input> | readonly FieldName<Input>[];

type FieldName<Input> = keyof Input & string;

/** What the function form returns. */
export type DeclaredAccess =
  | 'exclusive'
  | {
      readonly reads?: Key | readonly Key[] | undefined;
      readonly writes?: Key | readonly Key[] | undefined;
    };

/** Names a thing by JSON values: `{ path: '/a' }`. The order of the names does not matter. */
export type Key = Readonly<Record<string, unknown>>;

/** Checks the option as far as it can be without the tool's schema. */
export const accessOption = z.custom<AccessOption>(
  (value) => value === 'exclusive' || typeof value === 'function' || isFieldsByUse(value),
  'must be "exclusive", { reads, writes } with names of fields, or a function',
);

function isFieldsByUse(value: unknown): boolean {
  return isKeysByUse(value) && Object.values(value).every(isFields);
}

function isFields(value: unknown): boolean {
  if (Array.isArray(value)) return value.every((name) => typeof name === 'string');
  return typeof value === 'string' || value === undefined;
}

/** What is wrong with the fields that the option names, or `undefined`. */
export function checkFields(
  option: AccessOption | undefined,
  jsonSchema: { readonly [keyword: string]: unknown },
): string | undefined {
  if (option === undefined || option === 'exclusive' || typeof option === 'function') {
    return undefined;
  }
  const known = closedFields(jsonSchema);
  if (known === undefined) return undefined;
  for (const use of ['reads', 'writes'] as const) {
    const unknown = fieldNames(option[use]).find((name) => !known.includes(name));
    if (unknown !== undefined) {
      const list = known.join(', ') || 'none';
      return `access.${use}: inputSchema has no field ${JSON.stringify(unknown)} (known: ${list})`;
    }
  }
  return undefined;
}

/**
 * The fields that the schema lists, unless it says that there are others. A schema that says nothing
 * allows them too, but a name that is not in its list is a mistake.
 */
function closedFields({
  properties,
  patternProperties,
  additionalProperties = false,
}: {
  readonly [keyword: string]: unknown;
}): string[] | undefined {
  const isOpen = additionalProperties !== false || patternProperties !== undefined;
  return isOpen || !isRecord(properties) ? undefined : Object.keys(properties);
}

function fieldNames(fields: Fields<Record<string, unknown>> | undefined): readonly string[] {
  return typeof fields === 'string' ? [fields] : (fields ?? []);
}

/**
 * What a call with this input touches, `undefined` where that is nothing. Never throws: the reply
 * has been paid for.
 */
export function accessOf(option: AccessOption | undefined, input: unknown): Access | undefined {
  try {
    return toAccess(declaredAccess(option, input));
  } catch {
    return 'exclusive';
  }
}

function declaredAccess(option: AccessOption | undefined, input: unknown): unknown {
  if (option === undefined || option === 'exclusive') return option;
  if (typeof option !== 'function') {
    return { reads: keyOf(option.reads, input), writes: keyOf(option.writes, input) };
  }
  return option(input as Record<string, unknown>);
}

function keyOf(fields: Fields<Record<string, unknown>> | undefined, input: unknown): Key {
  // What every object has, like `constructor`, is not in the input.
  const valueOf = (name: string) =>
    isRecord(input) && Object.hasOwn(input, name) ? input[name] : null;
  return Object.fromEntries(fieldNames(fields).map((name) => [name, valueOf(name)]));
}

function toAccess(declared: unknown): Access | undefined {
  if (declared === undefined || declared === 'exclusive') return declared;
  refusePromise(declared);
  if (!isKeysByUse(declared)) throw new TypeError('not an access');
  const reads = keyTexts(declared.reads);
  const writes = keyTexts(declared.writes);
  const keys: AccessKeys = {
    ...(reads.length === 0 ? {} : { reads }),
    ...(writes.length === 0 ? {} : { writes }),
  };
  return reads.length + writes.length === 0 ? undefined : keys;
}

/** Each key once, as its canonical text. A key without a name is none. */
function keyTexts(keys: unknown): string[] {
  const list: unknown[] = Array.isArray(keys) ? keys : [keys];
  const texts = list.flatMap((key) => {
    if (key === undefined) return [];
    refusePromise(key);
    if (!isPlainObject(key)) throw new TypeError('not a key');
    const values = Object.entries(key).map(([name, value]) => [name, jsonValue(value)] as const);
    return values.length === 0 ? [] : [canonicalJson(Object.fromEntries(values))];
  });
  return [...new Set(texts)];
}

function jsonValue(value: unknown): unknown {
  refusePromise(value);
  // JSON would leave it out, and a key that lacks a name is another key.
  if (typeof value === 'function' || typeof value === 'symbol') throw new TypeError('not JSON');
  return value ?? null;
}

function refusePromise(value: unknown): void {
  if (!(value instanceof Promise)) return;
  // Nobody will await it, and a rejection that nobody handles ends the worker.
  value.catch(() => undefined);
  throw new TypeError('a promise');
}

function isKeysByUse(value: unknown): value is { reads?: unknown; writes?: unknown } {
  return isPlainObject(value) && Object.keys(value).every((use) => USES.has(use));
}

const USES: ReadonlySet<string> = new Set(['reads', 'writes']);

/** A promise is an object without any field, and would pass for one that declares nothing. */
function isPlainObject(value: unknown): value is Record<string, unknown> {
  if (!isRecord(value)) return false;
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === Object.prototype || prototype === null;
}
