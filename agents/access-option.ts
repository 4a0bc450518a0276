import { types } from 'node:util';
import { z } from 'zod';
import type { Access, AccessKeys } from '../core/calls/order.ts';
import { canonicalJson, defined, isRecord } from '../core/json.ts';
import { callable } from './check-options.ts';
import { inTime } from './in-time.ts';

/**
 * What a call of the tool touches. Calls of one reply run at once, unless one of them writes what
 * another reads or writes: those run in the order in which the model asked for them.
 *
 * - `'exclusive'`: everything. The call runs alone.
 * - `{ reads, writes }`: a field of the input, or an array of fields that identify one thing together.
 *   Names and values count, across tools: with `{ writes: 'path' }` of one tool and
 *   `{ reads: 'path' }` of another, equal paths are the same file.
 * - `{ inOrder }`: a name of your choice. Calls of all tools with this name run in call order among
 *   themselves, whatever their input; none is skipped because another failed. It may stand beside `reads`
 *   and `writes`. For a system that cannot take two writes at once.
 * - a function of the input, for what fields cannot say: `{ writes: 'path' }` is short for
 *   `({ path }) => ({ writes: { path } })`. It may return an array of keys. It is called once, when the
 *   model's reply is there. It must be pure and return within 100 ms. When it throws, does not
 *   return, or returns anything else (a promise, for example), the call is `'exclusive'`, since nobody
 *   knows what it touches.
 */
export type AccessOption<Input = Record<string, unknown>> =
  | 'exclusive'
  | {
      readonly reads?: Fields<Input>;
      readonly writes?: Fields<Input>;
      readonly inOrder?: string;
    }
  | ((input: Input) => DeclaredAccess | undefined);

/** One key: a field of the input, or several that identify one thing together. Absent ones are null. */
export type Fields<Input> = FieldName<Input> | readonly FieldName<Input>[];

type FieldName<Input> = keyof Input & string;

/** What the function form returns. */
export type DeclaredAccess =
  | 'exclusive'
  | {
      readonly reads?: Key | readonly Key[] | undefined;
      readonly writes?: Key | readonly Key[] | undefined;
      readonly inOrder?: string | undefined;
    };

/** Identifies a thing by JSON values: `{ path: '/a' }`. The order of the names does not matter. */
export type Key = Readonly<Record<string, unknown>>;

/** `fieldProblems` checks the rest, which needs the tool's schema. */
export const accessOption = callable(
  z.custom<AccessOption>(
    (value) => value === 'exclusive' || typeof value === 'function' || isFieldsByUse(value),
    'must be "exclusive", { reads, writes } with names of fields, { inOrder } with a name of your own, or a function',
  ),
);

function isFieldsByUse(value: unknown): boolean {
  if (!isKeysByUse(value)) return false;
  const { inOrder, ...fields } = value;
  return isQueue(inOrder) && Object.values(fields).every(isFields);
}

function isQueue(value: unknown): value is string | undefined {
  return value === undefined || (typeof value === 'string' && value.trim() !== '');
}

function isFields(value: unknown): boolean {
  if (Array.isArray(value)) return value.every((name) => typeof name === 'string');
  return typeof value === 'string' || value === undefined;
}

/** Fields that the option names and the schema does not have. */
export function fieldProblems(
  option: AccessOption | undefined,
  jsonSchema: { readonly [keyword: string]: unknown },
): string[] {
  if (option === undefined || option === 'exclusive' || typeof option === 'function') return [];
  const known = closedFields(jsonSchema);
  if (known === undefined) return [];
  const list = known.join(', ') || 'none';
  return (['reads', 'writes'] as const).flatMap((use) =>
    fieldNames(option[use])
      .filter((name) => !known.includes(name))
      .map(
        (name) =>
          `access.${use}: inputSchema has no field ${JSON.stringify(name)}; known fields: ${list}`,
      ),
  );
}

/**
 * The fields that the schema lists, unless it explicitly allows others. JSON Schema allows others by default
 * too, but a name that the schema does not list is most likely a mistake.
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

/** Like `accessOf`, but `'exclusive'` if a function does not return in time. Does not reject. */
export async function accessInTime(
  option: AccessOption | undefined,
  input: unknown,
): Promise<Access | undefined> {
  if (typeof option !== 'function') return accessOf(option, input);
  return await inTime(() => accessOf(option, input)).catch((): Access => 'exclusive');
}

/** What a call with this input touches; `undefined` for nothing. Never throws: the reply must not be lost. */
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
    const { reads, writes, inOrder } = option;
    return { reads: keyOf(reads, input), writes: keyOf(writes, input), inOrder };
  }
  return option(input as Record<string, unknown>);
}

function keyOf(fields: Fields<Record<string, unknown>> | undefined, input: unknown): Key {
  // `constructor` and the like are properties of every object, and not fields of the input.
  const valueOf = (name: string) =>
    isRecord(input) && Object.hasOwn(input, name) ? input[name] : null;
  return Object.fromEntries(fieldNames(fields).map((name) => [name, valueOf(name)]));
}

function toAccess(declared: unknown): Access | undefined {
  if (declared === undefined || declared === 'exclusive') return declared;
  throwIfPromise(declared);
  if (!isKeysByUse(declared)) throw new TypeError('not an access');
  const reads = keyTexts(declared.reads);
  const writes = keyTexts(declared.writes);
  const { inOrder } = declared;
  if (!isQueue(inOrder)) throw new TypeError('not a name');
  const keys: AccessKeys = defined({
    reads: reads.length === 0 ? undefined : reads,
    writes: writes.length === 0 ? undefined : writes,
    inOrder: inOrder === undefined ? undefined : [inOrder],
  });
  return Object.keys(keys).length === 0 ? undefined : keys;
}

/** The keys as canonical texts, each once. A key without fields identifies nothing and is left out. */
function keyTexts(keys: unknown): string[] {
  const list: unknown[] = Array.isArray(keys) ? keys : [keys];
  const texts = list.flatMap((key) => {
    if (key === undefined) return [];
    throwIfPromise(key);
    if (!isPlainObject(key)) throw new TypeError('not a key');
    const values = Object.entries(key).map(([name, value]) => [name, jsonValue(value)] as const);
    return values.length === 0 ? [] : [canonicalJson(Object.fromEntries(values))];
  });
  return [...new Set(texts)];
}

function jsonValue(value: unknown): unknown {
  throwIfPromise(value);
  // JSON would drop these fields, and a key without one of its fields is another key.
  if (typeof value === 'function' || typeof value === 'symbol') throw new TypeError('not JSON');
  return value ?? null;
}

function throwIfPromise(value: unknown): void {
  // Not `instanceof`: a promise may come from another realm.
  if (!types.isPromise(value)) return;
  // Nobody awaits it, and an unhandled rejection would end the worker.
  value.catch(() => undefined);
  throw new TypeError('a promise');
}

function isKeysByUse(
  value: unknown,
): value is { reads?: unknown; writes?: unknown; inOrder?: unknown } {
  return isPlainObject(value) && Object.keys(value).every((use) => USES.has(use));
}

const USES: ReadonlySet<string> = new Set(['reads', 'writes', 'inOrder']);

/** False for a promise or a `Map`: they have no fields of their own, and would count as "touches nothing". */
function isPlainObject(value: unknown): value is Record<string, unknown> {
  if (!isRecord(value)) return false;
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === Object.prototype || prototype === null;
}
