import { types } from 'node:util';
import { aKindOf, causeChain, isErrorValue, kindOf } from '../../core/failures.ts';
import { isPlain } from '../../core/json.ts';

// What `run` may return is any value of JavaScript, and JSON makes `{}` or null of many without a word. Here
// each becomes plain data, or a `NotDataError` that says where it stands and what it is. The table of what
// becomes what is in docs/decisions/0033-what-a-tool-returns-becomes-data.md.

/** `path` is "result.customers", `problem` a clause such as "is a Response". */
export class NotDataError extends Error {
  override readonly name = 'NotDataError' as const;
}

/** More values than these take longer than a worker may stand still for one call. */
const MAX_VALUES = 100_000;
/** In characters of all texts. Nothing longer can be kept, and no model reads so much. */
const MAX_CHARACTERS = 20_000_000;
/** Deeper data is a mistake, and overflows the stack of whatever walks through it later. */
const MAX_DEPTH = 200;
/** A path is for a person to read. */
const MAX_PATH = 200;

/** How one value goes on, once its kind is known. */
type Kind =
  | { type: 'value'; data: unknown }
  | { type: 'list'; items: readonly unknown[] }
  | { type: 'fields'; of: object; fields: readonly string[] };

interface Walk {
  values: number;
  characters: number;
  /** The values around the current one, to find one that holds itself. */
  readonly around: Set<object>;
}

/**
 * The value as plain data: texts, finite numbers, booleans, null, lists and objects of these. Its own code
 * (getters, `toJSON`, proxies) runs here and never again.
 */
export function toData(value: unknown, path = 'result'): unknown {
  return attempt(path, () =>
    convert(value, path, 0, { values: 0, characters: 0, around: new Set() }),
  );
}

function convert(value: unknown, path: string, depth: number, walk: Walk): unknown {
  walk.values += 1;
  if (walk.values > MAX_VALUES) {
    throw new NotDataError(`it has more than ${MAX_VALUES} values: return fewer`);
  }
  if (depth > MAX_DEPTH) throw problem(path, `is nested more than ${MAX_DEPTH} deep`);
  switch (typeof value) {
    case 'string':
      return text(value, walk);
    case 'number':
      // JSON makes null of the others, which says something else.
      return Number.isFinite(value) ? value : String(value);
    case 'bigint':
      return text(digits(value, path), walk);
    case 'boolean':
      return value;
    case 'undefined':
      return null;
    case 'function':
    case 'symbol':
      throw problem(path, `is a ${typeof value}`);
    case 'object':
      return value === null ? null : fromObject(value, path, depth, walk);
  }
}

function fromObject(value: object, path: string, depth: number, walk: Walk): unknown {
  if (walk.around.has(value)) {
    throw problem(path, 'holds itself: it is one of the values that it stands in');
  }
  walk.around.add(value);
  try {
    const kind = attempt(path, () => kindFor(value, path));
    if (kind.type === 'value') return convert(kind.data, path, depth + 1, walk);
    if (kind.type === 'list') return fromList(kind.items, path, depth, walk);
    return fromFields(kind.of, kind.fields, { path, depth, walk });
  } finally {
    walk.around.delete(value);
  }
}

function fromList(items: readonly unknown[], path: string, depth: number, walk: Walk): unknown[] {
  if (items.length > MAX_VALUES - walk.values) {
    throw new NotDataError(`${path} is a list of ${items.length} values: return fewer`);
  }
  const list: unknown[] = [];
  for (let i = 0; i < items.length; i++) {
    const item = attempt(`${path}[${i}]`, () => items[i]);
    list.push(convert(item, `${path}[${i}]`, depth + 1, walk));
  }
  return list;
}

function fromFields(
  value: object,
  fields: readonly string[],
  { path, depth, walk }: { path: string; depth: number; walk: Walk },
): unknown {
  const data: Record<string, unknown> = {};
  for (const field of fields) {
    const at = `${path}${step(field)}`;
    const inner = attempt(at, () => (value as Record<string, unknown>)[field]);
    // Absent is what people mean by it.
    if (inner === undefined) continue;
    walk.characters += field.length;
    define(data, field, convert(inner, at, depth + 1, walk));
  }
  return data;
}

/** Also a field named `__proto__`. */
function define(data: object, field: string, value: unknown): void {
  if (field !== '__proto__') {
    (data as Record<string, unknown>)[field] = value;
    return;
  }
  const rest = { enumerable: true, configurable: true, writable: true };
  Object.defineProperty(data, field, { value, ...rest });
}

function kindFor(value: object, path: string): Kind {
  if (Array.isArray(value)) return listOf(value, path);
  if (isPlain(value) && !hasJson(value)) return fieldsOf(value, path);
  const isError: boolean = isErrorValue(value);
  if (isError) return { type: 'value', data: errorText(value) };
  if (isBytes(value)) {
    throw problem(
      path,
      `is ${aKindOf(value)}, which is bytes: return a text, or an image or document block with base64`,
    );
  }
  if (ArrayBuffer.isView(value)) {
    return { type: 'list', items: value as unknown as readonly unknown[] };
  }
  if (types.isDate(value)) {
    if (Number.isNaN(Date.prototype.getTime.call(value))) throw problem(path, 'is an invalid Date');
    return { type: 'value', data: Date.prototype.toISOString.call(value) };
  }
  if (hasJson(value)) {
    const json: unknown = (value as { toJSON: (key: string) => unknown }).toJSON(lastOf(path));
    // Nothing asks a second time, as in JSON.
    if (json !== value && typeof json === 'object' && json !== null && hasJson(json)) {
      return Array.isArray(json) ? listOf(json, path) : fieldsOf(json, path);
    }
    return json === value ? fieldsOf(value, path) : { type: 'value', data: json ?? null };
  }
  if (types.isMap(value)) return fromMap(value, path);
  if (types.isSet(value)) return { type: 'list', items: [...bounded(value, path)] };
  if (types.isBoxedPrimitive(value)) return { type: 'value', data: value.valueOf() };
  if (types.isRegExp(value)) return { type: 'value', data: RegExp.prototype.toString.call(value) };
  if (types.isArgumentsObject(value)) return { type: 'list', items: [...(value as never)] };
  if (value instanceof URLSearchParams) return { type: 'value', data: value.toString() };
  return fieldsOf(value, path);
}

function isBytes(value: object): boolean {
  return (
    types.isAnyArrayBuffer(value) ||
    types.isUint8Array(value) ||
    types.isUint8ClampedArray(value) ||
    types.isDataView(value)
  );
}

interface WithJson {
  toJSON?: unknown;
}

function hasJson(value: WithJson): boolean {
  return typeof value.toJSON === 'function';
}

function listOf(value: readonly unknown[], path: string): Kind {
  if (value.length === 0) {
    const [field] = Object.keys(value);
    if (field !== undefined) {
      throw problem(path, `is an empty list with the field ${JSON.stringify(field)}`);
    }
  }
  return { type: 'list', items: value };
}

/** The fields of an object. One of a class may have none and yet hold much, which nobody would see. */
function fieldsOf(value: object, path: string): Kind {
  const fields = Object.keys(value).filter((field) => field !== 'toJSON' || !hasJson(value));
  if (fields.length > MAX_VALUES) {
    throw new NotDataError(`${path} has ${fields.length} fields: return fewer`);
  }
  if (fields.length === 0 && !isPlain(value)) {
    throw problem(path, `is ${aKindOf(value)}, of which JSON has nothing: return plain data`);
  }
  return { type: 'fields', of: value, fields };
}

/** With texts or numbers as keys an object, otherwise a list of pairs. */
function fromMap(value: ReadonlyMap<unknown, unknown>, path: string): Kind {
  const entries = [...bounded(value, path)] as [unknown, unknown][];
  const named = entries.every(([key]) => typeof key === 'string' || typeof key === 'number');
  const names = new Set(entries.map(([key]) => (named ? String(key) : key)));
  if (!named || names.size < entries.length) return { type: 'list', items: entries };
  const fields = {};
  for (const [key, inner] of entries) define(fields, String(key), inner);
  return { type: 'fields', of: fields, fields: Object.keys(fields) };
}

/** What is in a map or a set, whatever a subclass makes of its methods. */
function bounded(value: object, path: string): Iterable<unknown> {
  const size = Reflect.get(types.isMap(value) ? Map.prototype : Set.prototype, 'size', value);
  if (size > MAX_VALUES) throw new NotDataError(`${path} has ${size} entries: return fewer`);
  return types.isMap(value)
    ? Map.prototype.entries.call(value)
    : Set.prototype.values.call(value as Set<unknown>);
}

function errorText(error: object): string {
  const said = causeChain(error);
  const kind = kindOf(error);
  return said.startsWith(kind) ? said : `${kind}: ${said}`;
}

function text(value: string, walk: Walk): string {
  walk.characters += value.length;
  if (walk.characters > MAX_CHARACTERS) {
    throw new NotDataError(`it has more than ${MAX_CHARACTERS} characters: return less`);
  }
  return value;
}

/** To write out a number takes the square of its length: a million digits stop the worker for seconds. */
function digits(value: bigint, path: string): string {
  if (BigInt.asIntN(40_000, value) === value) return String(value);
  throw problem(path, 'is a bigint of more than 40,000 bits');
}

function attempt<T>(path: string, read: () => T): T {
  try {
    return read();
  } catch (error) {
    if (error instanceof NotDataError) throw error;
    throw problem(path, `cannot be read: ${causeChain(error)}`);
  }
}

function step(field: string): string {
  return /^[A-Za-z_$][\w$]*$/.test(field) ? `.${field}` : `[${JSON.stringify(field)}]`;
}

function lastOf(path: string): string {
  return path.split(/[.[]/).at(-1)?.replace(/\]$/, '') ?? '';
}

function problem(path: string, clause: string): NotDataError {
  const shown = path.length > MAX_PATH ? `${path.slice(0, MAX_PATH)}…` : path;
  return new NotDataError(`${shown.toWellFormed()} ${clause}`);
}
